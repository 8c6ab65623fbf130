// Owns: a mutex for what is held for well under a microsecond.
// Must not know: what it guards.
#pragma once

#include <pthread.h>

#include "base/held_locks.h"

namespace numapool::base {

/// Like std::mutex, but who finds it taken looks again for a while before sleeping: the holder is mostly done
/// sooner than the system could put a thread to sleep and wake it (PTHREAD_MUTEX_ADAPTIVE_NP).
class UncountedAdaptiveMutex {
public:
    UncountedAdaptiveMutex() noexcept = default;
    UncountedAdaptiveMutex(const UncountedAdaptiveMutex&) = delete;
    UncountedAdaptiveMutex& operator=(const UncountedAdaptiveMutex&) = delete;
    ~UncountedAdaptiveMutex() { ::pthread_mutex_destroy(&mutex_); }

    void lock() noexcept { ::pthread_mutex_lock(&mutex_); }
    void unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

private:
    pthread_mutex_t mutex_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
};

using AdaptiveMutex = CountedMutex<UncountedAdaptiveMutex>;

}  // namespace numapool::base
