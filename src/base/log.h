// Owns: handing messages to whoever receives them.
// Must not know: what they are about.
#pragma once

#include <atomic>

#include "numapool/log.h"

namespace numapool::base {

/// Hands `message` on unless NUMAPOOL_LOG asks for less. No lock may be held.
void log(LogLevel level, const char* message) noexcept;

/// For fork.
void lock_log() noexcept;
void unlock_log() noexcept;

/// The same, the first time only for each `told`, a flag that stands for one kind of fallback.
inline void log_once(std::atomic<bool>& told, LogLevel level, const char* message) noexcept {
    if (!told.exchange(true, std::memory_order_relaxed)) log(level, message);
}

}  // namespace numapool::base
