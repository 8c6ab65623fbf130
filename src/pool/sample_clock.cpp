// Owns: the time behind sample_clock.h.
// Must not know: pools.
#include "pool/sample_clock.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "os/virtual_memory.h"

namespace numapool::detail {
namespace {

constexpr std::uint64_t kEveryMs = 500;
constexpr std::chrono::nanoseconds::rep kShare = 400;

// 0: nobody asked so far. Relaxed: guards no other memory.
constinit std::atomic<std::uint64_t> next_ms{0};

}  // namespace

bool SampleClock::due() noexcept {
    const std::uint64_t now = os::coarse_milliseconds();
    std::uint64_t next = next_ms.load(std::memory_order_relaxed);
    // A process that ends soon pays for none.
    if (next == 0) next_ms.compare_exchange_strong(next, now + kEveryMs, std::memory_order_relaxed);
    return next != 0 && now >= next;
}

bool SampleClock::take() noexcept {
    if (!due()) return false;
    const std::uint64_t now = os::coarse_milliseconds();
    std::uint64_t next = next_ms.load(std::memory_order_relaxed);
    return now >= next && next_ms.compare_exchange_strong(next, now + kEveryMs, std::memory_order_relaxed);
}

void SampleClock::spend(std::chrono::nanoseconds time) noexcept {
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(time * kShare);
    const std::uint64_t now = os::coarse_milliseconds();
    std::uint64_t next = next_ms.load(std::memory_order_relaxed);
    while (!next_ms.compare_exchange_weak(
        next, std::max(next, now) + static_cast<std::uint64_t>(pause.count()), std::memory_order_relaxed)) {
    }
}

void SampleClock::reset() noexcept { next_ms.store(1, std::memory_order_relaxed); }

}  // namespace numapool::detail
