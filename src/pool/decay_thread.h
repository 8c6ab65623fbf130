// Owns: the background thread that has idle memory given back over time.
// Must not know: which memory; pools decide.
#pragma once

#include <atomic>

namespace numapool::detail {

/// One for the process, started when a pool first has idle memory to look after and asleep while none has,
/// but for a look a second where samples of blocks are to be watched (see fencing.cpp).
class DecayThread {
public:
    /// Says that there is idle memory. Costs one load while the thread is awake.
    static void wake() noexcept {
        // Acquire pairs with the release in the thread: what made it sleep is seen.
        if (!awake_.load(std::memory_order_acquire)) start_or_notify();
    }
    /// False while the system refuses to start the thread.
    static const std::atomic<bool>& possible() noexcept { return possible_; }
    /// For fork: the child has no such thread and starts its own.
    static void lock() noexcept;
    static void unlock() noexcept;
    static void forget() noexcept;

private:
    static void start_or_notify() noexcept;
    static void run() noexcept;

    static std::atomic<bool> awake_;
    static std::atomic<bool> possible_;  // relaxed: a hint
};

}  // namespace numapool::detail
