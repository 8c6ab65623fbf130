// Owns: the thread behind decay_thread.h.
// Must not know: which memory is given back.
#include "pool/decay_thread.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "base/blocked_signals.h"
#include "base/held_locks.h"
#include "os/virtual_memory.h"
#include "pool/pool_registry.h"

namespace numapool::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestTick{10};
constexpr milliseconds kLongestTick{500};
constexpr milliseconds kSampleTick{1000};  // without idle memory, where somebody has to call for samples

struct State {
    base::Mutex mutex;
    std::condition_variable changed;
    bool started = false;
};

// Never destroyed: the thread outlives main.
alignas(State) unsigned char storage[sizeof(State)];
State* state() noexcept {
    static State* made = new (storage) State;
    return made;
}

}  // namespace

constinit std::atomic<bool> DecayThread::awake_{false};
constinit std::atomic<bool> DecayThread::possible_{true};

void DecayThread::lock() noexcept { state()->mutex.lock(); }
void DecayThread::unlock() noexcept { state()->mutex.unlock(); }

void DecayThread::forget() noexcept {
    // It may have had a waiter that does not exist in a forked child.
    new (&state()->changed) std::condition_variable;
    state()->started = false;
    awake_.store(false, std::memory_order_relaxed);
}

void DecayThread::start_or_notify() noexcept {
    if (base::holds_locks()) return;  // a handler's return; the next one wakes the thread
    const std::lock_guard lock(state()->mutex);
    if (awake_.load(std::memory_order_relaxed)) return;
    if (!state()->started) {
        try {
            const base::BlockedSignals blocked;
            std::thread(run).detach();
            possible_.store(true, std::memory_order_relaxed);
        } catch (const std::exception&) {
            possible_.store(false, std::memory_order_relaxed);
            return;  // no thread to be had: idle memory stays until trim; the next call tries again
        }
        state()->started = true;
    }
    awake_.store(true, std::memory_order_release);
    state()->changed.notify_one();
}

void DecayThread::run() noexcept {
    milliseconds tick = kShortestTick;
    for (;;) {
        std::this_thread::sleep_for(tick);
        const milliseconds slept = tick;
        const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
        // Cleared first: memory that becomes idle while the pools are asked sets it again.
        awake_.store(false, std::memory_order_release);
        bool any = false;
        bool samples = false;
        tick = kLongestTick;
        PoolRegistry::for_each([&](PoolCore& pool) {
            samples |= pool.samples();
            const std::optional<milliseconds> decay = pool.options().idle_decay;
            if (!decay || !pool.decay(now, static_cast<std::uint32_t>(slept.count()))) return;
            any = true;
            tick = std::min(tick, std::max(kShortestTick, *decay / 20));
        });
        std::unique_lock<std::mutex> lock(state()->mutex);
        if (any) {
            awake_.store(true, std::memory_order_release);
            continue;
        }
        const auto woken = [] { return awake_.load(std::memory_order_acquire); };
        if (samples) {
            state()->changed.wait_for(lock, kSampleTick, woken);
        } else {
            state()->changed.wait(lock, woken);
        }
        tick = kShortestTick;
    }
}

}  // namespace numapool::detail
