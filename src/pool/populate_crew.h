// Owns: faulting memory in from several threads at once, each on CPUs of the node that the memory is of.
// Must not know: pools, arenas, why the memory is wanted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace numapool::detail {

/// From this on, more than one thread works on a part: below it, starting one costs what it saves.
inline constexpr std::size_t kSharedFromBytes = std::size_t{32} << 20;

/// A stretch of committed memory to be faulted in; pages that are there already stay as they are.
struct PopulatePart {
    std::uintptr_t address = 0;
    std::size_t bytes = 0;
    std::span<const int> cpus;         ///< to work from, the calling thread too; empty: wherever it runs
    std::size_t threads = 1;           ///< at most so many work on it, the calling one included
    std::atomic<std::size_t> next{0};  ///< where the part not yet begun starts; the crew's own
};

/// Returns when every page of every part is there, or the system refused one: then no more are begun, and the
/// failure has the errno and the bytes of that part. All parts are worked on at the same time. A thread that
/// cannot be started, or not be bound to the CPUs, is done without; the calling thread works in any case, and
/// runs afterwards where it was allowed to before.
base::Result<bool> populate_parts(std::span<PopulatePart> parts) noexcept;

}  // namespace numapool::detail
