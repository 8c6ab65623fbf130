// Owns: how many more idle buffers threads may keep ready on one node, by tier.
// Must not know: who keeps them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

#include "numapool/statistics.h"

namespace numapool::cache {

/// Threads draw on it in batches, so the fast path never touches it. Thread safety: any thread.
class TierBudget {
public:
    void reset(std::size_t small, std::size_t medium, std::size_t large) noexcept {
        total_ = {small, medium, large};
        for (std::size_t tier = 0; tier < kTiers; ++tier)
            left_[tier].store(total_[tier], std::memory_order_relaxed);
    }
    /// Takes up to `most`; returns how many.
    // Relaxed: the count guards no other memory.
    std::size_t draw(Tier tier, std::size_t most) noexcept {
        std::atomic<std::size_t>& left = left_[static_cast<std::size_t>(tier)];
        std::size_t have = left.load(std::memory_order_relaxed);
        while (have != 0) {
            const std::size_t got = std::min(have, most);
            if (left.compare_exchange_weak(have, have - got, std::memory_order_relaxed)) return got;
        }
        return 0;
    }
    void give_back(Tier tier, std::size_t count) noexcept {
        left_[static_cast<std::size_t>(tier)].fetch_add(count, std::memory_order_relaxed);
    }
    /// How many threads hold now.
    std::size_t granted(Tier tier) const noexcept {
        const auto index = static_cast<std::size_t>(tier);
        return total_[index] - left_[index].load(std::memory_order_relaxed);
    }

private:
    std::array<std::size_t, kTiers> total_{};
    std::array<std::atomic<std::size_t>, kTiers> left_{};
};

}  // namespace numapool::cache
