// Owns: the short ways in and out of a pool: a thread's ready block, nothing but thread-local lines and the
// block's own state, no system call. Must not know: what happens when there is no ready block; allocate.cpp
// and return.cpp do.
//
// There are two steps. The hot one compares one key with that of the cache the thread used last and touches
// no stack; the fast one finds the thread's cache for any arena of any pool. Every instruction here is paid
// by every buffer: `make bench` counts them.
#pragma once

#include "os/memory_policy.h"
#include "pool/decay_thread.h"
#include "pool/pool_core.h"

namespace numapool::detail {

/// A block that `cache` has ready; nullptr if there is none.
[[gnu::always_inline]] inline void* take_ready(cache::ArenaCache& cache, std::size_t bytes) noexcept {
    if (bytes - 1 < base::kMaxSlabBlockBytes) {
        cache::Magazine& magazine = cache.magazine(base::size_class(bytes));
        if (magazine.empty()) return nullptr;
        const std::uintptr_t address = magazine.pop().address;
        magazine.allocations.add(1);
        magazine.requested_bytes.add(bytes);  // cheaper than asking whether anybody wants to know
        if (address == 0) __builtin_unreachable();
        return reinterpret_cast<void*>(address);
    }
    const std::uintptr_t address = cache.large().take(bytes, kMinAlignment);
    if (address == 0) return nullptr;
    const std::size_t block_bytes = arena::mark_block(address, arena::BlockState::kLive);
    cache::ThreadFigures& figures = cache.figures;
    figures.large_allocations.add(1);
    figures.large_bytes_out.add(block_bytes);
    figures.large_requested_bytes.add(bytes);
    return reinterpret_cast<void*>(address);
}

/// Puts a live small or medium block of `range` into `cache`, which must be the calling thread's for it.
/// False if it is no such block or there is no room.
[[gnu::always_inline]] inline bool put_ready(cache::ArenaCache& cache, const arena::AddressRange& range,
                                             std::uintptr_t address, ReturnedBy by) noexcept {
    const arena::SliceEntry entry = range.entry(range.index_of(address));
    if (!entry.is_slab()) return false;
    const arena::Slab& slab = *entry.slab();
    const base::BlockPosition at = base::block_position(slab.shape, address - slab.base);
    if (!at.starts) return false;
    std::atomic<std::uint8_t>& state = slab.states[at.index];
    if (!arena::is_live(state)) return false;
    cache::Magazine& magazine = cache.magazine(slab.size_class);
    if (!magazine.push({address, &state})) return false;
    if (by == ReturnedBy::kDestructor) cache.figures.auto_returns.add(1);
    magazine.frees.conclude();  // last: from here on a pool that is being released may be gone
    return true;
}

inline std::uint32_t PoolCore::arena_of_current_node() const noexcept {
    const auto node = static_cast<std::size_t>(os::current_node());
    return node < arena_of_cpu_.size() ? static_cast<std::uint32_t>(arena_of_cpu_[node]) : 0;
}

inline void* PoolCore::allocate_hot(std::size_t bytes) noexcept {
    const cache::HotCache& hot = cache::hot_cache;
    // Relaxed: a pool that closes at this moment may serve one more request.
    if (hot.key != only_key_.load(std::memory_order_relaxed)) {
        // No call from here, not even an unlikely one: it would cost every request a stack frame.
        const auto node = static_cast<std::size_t>(os::published_node());
        if (single_arena_ || node >= arena_of_cpu_.size()) return nullptr;
        const auto index = static_cast<std::uint64_t>(arena_of_cpu_[node]);
        if (hot.key != fast_key_.load(std::memory_order_relaxed) + index) return nullptr;
    }
    return take_ready(*hot.cache, bytes);
}

inline void* PoolCore::allocate_fast(std::size_t bytes, const Request& request) noexcept {
    std::uint64_t key = fast_key_.load(std::memory_order_relaxed);
    if (key == cache::kNoCacheKey || request.alignment != kMinAlignment || request.zeroed || request.bind ||
        request.placement.kind() != Placement::Kind::kCurrentNode) {
        return nullptr;
    }
    const std::uint32_t index = single_arena_ ? 0 : arena_of_current_node();
    key += index;
    cache::HotCache& hot = cache::hot_cache;
    if (hot.key != key) {
        const cache::ThreadCache* mine = cache::find_cache(slot_, id_);
        cache::ArenaCache* found = mine != nullptr ? mine->find(index) : nullptr;
        if (found == nullptr) return nullptr;
        hot = {key, found};
    }
    return take_ready(*hot.cache, bytes);
}

template <class Belongs>
[[gnu::always_inline]] inline bool PoolCore::return_hot(void* block, ReturnedBy by,
                                                        Belongs belongs) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const arena::AddressRange* range = arena::find_range(address);
    if (range == nullptr) return false;
    const auto& pool = *static_cast<const PoolCore*>(range->pool);
    if (!belongs(pool)) return false;
    const cache::HotCache& hot = cache::hot_cache;
    if (hot.key != pool.fast_key_.load(std::memory_order_relaxed) + range->arena_index) return false;
    return put_ready(*hot.cache, *range, address, by);
}

inline ErrorCode PoolCore::return_block(void* block, ReturnedBy by, const PoolCore* expected) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    arena::AddressRange* range = arena::find_range(address);
    if (range == nullptr) [[unlikely]]
        return return_plain(block, expected);
    auto* pool = static_cast<PoolCore*>(range->pool);
    if (expected != nullptr && pool != expected) [[unlikely]]
        return ErrorCode::kWrongPool;
    // Read before the block is given up: a closed pool may be gone right after its last block is.
    if (pool->fast_key_.load(std::memory_order_relaxed) == cache::kNoCacheKey) [[unlikely]]
        return pool->return_slow(*range, address, by);
    const cache::ThreadCache* mine = cache::find_cache(pool->slot_, pool->id_);
    cache::ArenaCache* cache = mine != nullptr ? mine->find(range->arena_index) : nullptr;
    if (cache == nullptr) [[unlikely]]
        return pool->return_slow(*range, address, by);
    const std::size_t slice = range->index_of(address);
    const arena::SliceEntry entry = range->entry(slice);
    if (!entry.is_live_block() || address != range->address_of(slice)) {
        return put_ready(*cache, *range, address, by) ? ErrorCode::kOk
                                                      : pool->return_slow(*range, address, by);
    }
    const std::size_t bytes = entry.slices() * base::kSliceBytes;
    // Marked first: once it is in the slot, it may be stolen.
    range->set_entry(slice, arena::SliceEntry::block(entry.slices(), arena::BlockState::kCached));
    if (!cache->large().put(address, bytes)) {
        range->set_entry(slice, entry);
        return pool->return_slow(*range, address, by);
    }
    cache->figures.large_bytes_back.add(bytes);
    if (by == ReturnedBy::kDestructor) cache->figures.auto_returns.add(1);
    if (pool->options_.idle_decay) DecayThread::wake();
    cache->figures.large_frees.conclude();  // last, as above
    return ErrorCode::kOk;
}

}  // namespace numapool::detail
