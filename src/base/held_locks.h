// Owns: the count of the library's locks that the calling thread holds or waits for, and a mutex that keeps
// it. Must not know: what the locks guard.
//
// A signal handler that takes a lock which the thread it interrupted holds would wait for ever. Whoever may
// be called by one asks holds_locks() first. Nothing else is called back with a lock held.
#pragma once

#include <atomic>
#include <mutex>

namespace numapool::base {

/// Initial-exec: a signal handler may be the first in its thread to look, and must not allocate.
[[gnu::tls_model("initial-exec")]] inline constinit thread_local int held_locks = 0;

inline bool holds_locks() noexcept { return held_locks != 0; }

/// `Kind`, counted. Thread safety: any thread; not recursive.
template <class Kind>
class CountedMutex : public Kind {
public:
    void lock() noexcept {
        ++held_locks;  // first, and last in unlock: a handler must not find fewer than there are
        std::atomic_signal_fence(std::memory_order_seq_cst);
        Kind::lock();
    }
    bool try_lock() noexcept {
        ++held_locks;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (Kind::try_lock()) return true;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        --held_locks;
        return false;
    }
    void unlock() noexcept {
        Kind::unlock();
        std::atomic_signal_fence(std::memory_order_seq_cst);
        --held_locks;
    }
};

using Mutex = CountedMutex<std::mutex>;

}  // namespace numapool::base
