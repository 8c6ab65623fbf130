// Owns: an object that the first thread to ask makes, for the rest of the process.
// Must not know: what it is.
#pragma once

#include <atomic>
#include <mutex>

#include "base/held_locks.h"

namespace numapool::base {

/// Never destroyed: threads may still ask while the process ends. Unlike a function's static it can be locked
/// for a fork; a child in which it was half made would wait for ever for the thread that was making it.
/// Thread safety: any thread.
template <class T>
class MadeOnce {
public:
    /// make() returns a new T, or nullptr, and is called again next time then; what it throws passes through.
    template <class Make>
    const T* get(Make make) {
        if (const T* known = made_.load(std::memory_order_acquire); known != nullptr) return known;
        const std::lock_guard lock(mutex_);
        if (made_.load(std::memory_order_relaxed) == nullptr)
            made_.store(make(), std::memory_order_release);  // with the acquire above
        return made_.load(std::memory_order_relaxed);
    }
    void lock() noexcept { mutex_.lock(); }
    void unlock() noexcept { mutex_.unlock(); }

private:
    Mutex mutex_;
    std::atomic<const T*> made_{nullptr};
};

}  // namespace numapool::base
