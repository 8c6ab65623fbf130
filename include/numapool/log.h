// Owns: how the library tells its host program about fallbacks.
// Must not know: what is told.
#pragma once

#include "numapool/export.h"

namespace numapool {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Receives a message. Called from any thread, never with a lock of the library held; must not throw.
using LogCallback = void (*)(LogLevel level, const char* message, void* user);

/// Replaces the receiver of messages; nullptr brings back the first one, which writes to stderr.
/// Each kind of fallback is told once in a process. NUMAPOOL_LOG (debug, info, warning, error or off) sets
/// what is told. Thread safety: any thread. A message under way may still reach the old receiver, so `user`
/// must stay valid. The receiver may call the library.
NUMAPOOL_API void set_log_callback(LogCallback callback, void* user) noexcept;

NUMAPOOL_API const char* to_string(LogLevel level) noexcept;

}  // namespace numapool
