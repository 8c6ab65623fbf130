// Owns: ready blocks of one size class on their way from threads that have too many to threads that have
// none, and what else those threads share. Must not know: threads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include "arena/slab_bin.h"
#include "base/adaptive_mutex.h"
#include "base/size_classes.h"
#include "cache/magazine.h"
#include "cache/ready_budget.h"

namespace numapool::cache {

/// Blocks pass through as they are: handing half a magazine on is one lock and one copy,
/// where their slabs would be asked for each (Bonwick and Adams: Magazines and Vmem, 2001). Thread safety:
/// any thread.
class Depot {
public:
    static constexpr std::uint32_t kCapacity = 2 * Magazine::kCapacity;

    /// Takes the first of `count` blocks of `block_bytes` each, as far as there is room and allowance;
    /// returns how many.
    std::size_t put(const std::uintptr_t* blocks, std::size_t count, std::size_t block_bytes,
                    Allowance& allowance) noexcept {
        const std::lock_guard lock(mutex_);
        const std::size_t size = this->size();
        if (size + count > limit_ && limit_ < kCapacity) {
            const std::size_t most = std::min<std::size_t>(size + count, kCapacity) - limit_;
            limit_ += static_cast<std::uint32_t>(allowance.draw(block_bytes, most));
        }
        const std::size_t taken = std::min<std::size_t>(count, limit_ - size);
        std::copy(blocks, blocks + taken, blocks_.data() + size);
        set_size(size + taken);
        return taken;
    }
    /// Hands out up to `most` blocks, the last that came first; returns how many.
    std::size_t take(std::uintptr_t* blocks, std::size_t most) noexcept {
        if (size() == 0)
            return 0;  // a look without the lock: a block that comes meanwhile is found next time
        const std::lock_guard lock(mutex_);
        const std::size_t taken = std::min<std::size_t>(most, size());
        std::copy(blocks_.data() + size() - taken, blocks_.data() + size(), blocks);
        set_size(size() - taken);
        used_ = true;
        return taken;
    }
    bool has(std::uintptr_t block) noexcept {
        const std::lock_guard lock(mutex_);
        const std::span<const std::uintptr_t> ready(blocks_.data(), size());
        return std::find(ready.begin(), ready.end(), block) != ready.end();
    }
    /// Whether no block was taken since this was asked last.
    bool unused() noexcept {
        const std::lock_guard lock(mutex_);
        return !std::exchange(used_, false);
    }
    /// Puts all blocks back to their slabs and gives the allowance back.
    void empty(arena::NodeArena& arena, std::uint32_t size_class, Allowance& allowance) noexcept {
        const std::lock_guard lock(mutex_);
        if (size() != 0) arena.bin(size_class).put(arena, blocks_.data(), size());
        set_size(0);
        allowance.give_back(limit_ * base::class_bytes(size_class));
        limit_ = 0;
    }

    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    base::AdaptiveMutex& mutex() noexcept { return mutex_; }

private:
    void set_size(std::size_t size) noexcept {
        size_.store(static_cast<std::uint32_t>(size), std::memory_order_relaxed);
    }

    base::AdaptiveMutex mutex_;
    std::atomic<std::uint32_t> size_{0};  // relaxed: changed under the lock, read without it as a hint
    std::uint32_t limit_ = 0;             ///< blocks for which there is allowance
    bool used_ = false;
    std::array<std::uintptr_t, kCapacity> blocks_{};
};

/// What the threads that use one arena share.
struct SharedBlocks {
    ReadyBudget budget;
    std::array<Depot, base::kSizeClasses> depots{};

    /// Puts the depots' blocks back to their slabs; only those of which nothing was taken since the last call
    /// that asked for these, if `unused_only`. Returns whether blocks are left.
    bool empty(arena::NodeArena& arena, bool unused_only) noexcept {
        bool left = false;
        for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
            Depot& depot = depots[size_class];
            if (unused_only && !depot.unused()) {
                left |= depot.size() != 0;
            } else {
                depot.empty(arena, size_class, budget.slab_bytes);
            }
        }
        return left;
    }
    std::size_t ready_blocks(Tier tier) const noexcept {
        std::size_t blocks = 0;
        for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
            if (base::tier_of(base::class_bytes(size_class)) == tier) blocks += depots[size_class].size();
        }
        return blocks;
    }
};

}  // namespace numapool::cache
