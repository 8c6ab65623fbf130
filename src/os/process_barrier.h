// Owns: a memory barrier that one thread imposes on all others of the process.
// Must not know: what it orders.
//
// With it, of two threads that each write one word and then read the other's, only the rare one pays for the
// order of the two: the frequent one needs nothing but that the compiler keeps it (Linux
// membarrier(2), 4.14). All functions are noexcept and thread-safe.
#pragma once

#include "base/sync.h"

namespace numapool::os {

/// Whether process_barrier() works here; the first call makes it so.
bool have_process_barrier() noexcept;

/// Returns when every other thread of the process has passed a full memory barrier since the call; false if
/// the system refuses, and nothing is ordered.
bool process_barrier() noexcept;

/// The words of who uses it.
struct BarrierSync : base::RealSync {
    static bool barrier() noexcept { return process_barrier(); }
};

}  // namespace numapool::os
