// Owns: how much more threads may keep ready on one node.
// Must not know: who keeps it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "base/sync.h"

namespace numapool::cache {

/// A number of units of which any thread draws and gives back.
template <class Sync>
class BasicAllowance {
public:
    void reset(std::size_t units) noexcept {
        total_ = units;
        left_.store(units, std::memory_order_relaxed);
    }
    /// Takes up to `most` times `each` units; returns how many times.
    // Relaxed throughout: the number guards no other memory.
    std::size_t draw(std::size_t each, std::size_t most) noexcept {
        std::size_t have = left_.load(std::memory_order_relaxed);
        while (have >= each) {
            const std::size_t got = std::min(have / each, most);
            if (left_.compare_exchange_weak(have, have - got * each, std::memory_order_relaxed)) return got;
        }
        return 0;
    }
    void give_back(std::size_t units) noexcept { left_.fetch_add(units, std::memory_order_relaxed); }
    bool quarter_free() const noexcept { return left_.load(std::memory_order_relaxed) > total_ / 4; }
    /// How many units are drawn now.
    std::size_t drawn() const noexcept { return total_ - left_.load(std::memory_order_relaxed); }

private:
    std::size_t total_ = 0;
    typename Sync::template Atomic<std::size_t> left_{0};
};

using Allowance = BasicAllowance<base::RealSync>;

/// What the threads that use one arena share. They draw in batches, so the fast path never touches it. Thread
/// safety: any thread.
struct ReadyBudget {
    Allowance
        slab_bytes;  ///< of small and medium blocks: a count would be too much of one, too few of the other
    Allowance large_blocks;
};

}  // namespace numapool::cache
