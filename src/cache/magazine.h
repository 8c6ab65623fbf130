// Owns: a thread's ready blocks of one size class, and its count of what was taken from them.
// Must not know: where blocks come from when it is empty.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "arena/seal.h"
#include "base/counter.h"
#include "base/sync.h"

namespace numapool::cache {

/// A stack of sealed blocks that were all handed out before, so that every pop is a hit. One thread uses it;
/// the counters and the size may be read by any. 512 bytes: eight cache lines, the first of which holds all
/// that a typical operation touches.
template <class Sync>
class alignas(64) BasicMagazine {
public:
    static constexpr std::uint32_t kCapacity = 59;

    base::BasicCounter<Sync> allocations;
    base::BasicCounter<Sync> requested_bytes;

    BasicMagazine() noexcept {
        // What pop() finds at the end is no sealed block either.
        slots_[0] = reinterpret_cast<std::uintptr_t>(slots_.data());
        set_top(slots_.data());
        last_ = slots_.data();
    }
    BasicMagazine(const BasicMagazine&) = delete;
    BasicMagazine& operator=(const BasicMagazine&) = delete;

    /// Acquire pairs with the release in push: who sees the last return sees all that went before it.
    std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(top_.load(std::memory_order_acquire) - slots_.data());
    }
    void resize(std::uint32_t size) noexcept { set_top(slots_.data() + size); }
    /// How many blocks the pool's bounds let it hold now.
    std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(last_ - slots_.data()); }
    void set_limit(std::uint32_t limit) noexcept { last_ = slots_.data() + limit; }
    bool full() const noexcept { return top_.load(std::memory_order_relaxed) >= last_; }
    /// The oldest comes first.
    std::uintptr_t* blocks() noexcept { return slots_.data() + 1; }

    /// The block that was pushed last, its seal broken; 0 if there is none, or it has no seal: then
    /// drop_unsealed() is due.
    std::uintptr_t pop() noexcept {
        std::uintptr_t* const newest = top_.load(std::memory_order_relaxed);
        const std::uintptr_t block = *newest;
        if (!arena::unseal(block)) return 0;
        if (block == 0) __builtin_unreachable();  // saves asking whether there was one
        set_top(newest - 1);
        return block;
    }
    /// Seals a block and takes it; false, and nothing is done, if it is sealed or at the limit. The last step
    /// lets go of the block: from then on a pool that is being released may be gone.
    bool push(std::uintptr_t block) noexcept {
        std::uintptr_t* const newest = top_.load(std::memory_order_relaxed);
        if (newest >= last_ || !arena::seal(block)) return false;
        newest[1] = block;
        set_top(newest + 1);
        return true;
    }
    /// Any thread; a hint while the owner goes on.
    bool has(std::uintptr_t block) const noexcept {
        const std::span<const std::uintptr_t> ready(slots_.data() + 1, size());
        return std::find(ready.begin(), ready.end(), block) != ready.end();
    }
    /// Takes the newest block off if it has no seal; 0 if it has, or there is none.
    std::uintptr_t drop_unsealed() noexcept {
        const std::uint32_t size = this->size();
        if (size == 0 || arena::is_sealed(slots_[size])) return 0;
        resize(size - 1);
        return slots_[size];
    }

private:
    void set_top(std::uintptr_t* top) noexcept { top_.store(top, std::memory_order_release); }

    typename Sync::template Atomic<std::uintptr_t*> top_{nullptr};  ///< the newest block's slot
    std::uintptr_t* last_ = nullptr;                                ///< the last slot that may be used now
    std::array<std::uintptr_t, kCapacity + 1> slots_{};             ///< the first holds no block
};

using Magazine = BasicMagazine<base::RealSync>;
static_assert(sizeof(Magazine) == 512);

}  // namespace numapool::cache
