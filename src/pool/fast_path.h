// Owns: the short ways in and out of a pool: a thread's ready block, nothing but thread-local lines and the
// block's own state, no system call. Must not know: what happens when there is no ready block; allocate.cpp
// and return.cpp do.
//
// There are two steps. The hot one compares one key with that of the cache the thread used last and touches
// no stack; the fast one finds the thread's cache for any arena of any pool. Every instruction here is paid
// by every buffer: `make bench` counts them.
#pragma once

#include <cstring>

#include "base/held_locks.h"
#include "os/memory_policy.h"
#include "pool/decay_thread.h"
#include "pool/pool_core.h"

namespace numapool::detail {

/// A block of the magazine; nullptr if there is none.
[[gnu::always_inline]] inline void* take_ready(cache::Magazine& magazine, std::size_t bytes) noexcept {
    const std::uintptr_t address = magazine.pop();
    if (address == 0) return nullptr;
    magazine.allocations.add(1);
    magazine.requested_bytes.add(bytes);  // cheaper than asking whether anybody wants to know
    return reinterpret_cast<void*>(address);
}

/// A block that `cache` has ready; nullptr if there is none.
[[gnu::always_inline]] inline void* take_ready(cache::ArenaCache& cache, std::size_t bytes) noexcept {
    // No bytes at all lead to the magazine that is always empty, as does what is too much for the sum.
    const std::size_t padded = bytes + base::kLinearStep - 1;
    if (padded < base::kLinearBytes + base::kLinearStep) [[likely]]
        return take_ready(cache.magazine_of(static_cast<std::uint32_t>(padded / base::kLinearStep)), bytes);
    if (bytes <= base::kMaxSlabBlockBytes)
        return take_ready(cache.magazine(base::geometric_class(bytes)), bytes);
    const auto ready = cache.large().take(bytes, kMinAlignment);
    if (ready.block == 0) return nullptr;
    cache::ThreadFigures& figures = cache.figures;
    figures.large_allocations.add(1);
    figures.large_bytes_out.add(ready.bytes);
    figures.large_requested_bytes.add(bytes);
    return reinterpret_cast<void*>(ready.block);
}

/// Puts a live small or medium block into its magazine; false, and nothing is done, if it is not live or
/// there is no room, which there never is without a mark.
[[gnu::always_inline]] inline bool put_ready(cache::ArenaCache& cache, std::uint32_t mark,
                                             std::uintptr_t block, ReturnedBy by) noexcept {
    cache::Magazine& magazine = cache.magazine_of(mark);
    if (by == ReturnedBy::kCaller) return magazine.push(block);
    if (magazine.full() || arena::is_sealed(block)) return false;
    cache.figures.auto_returns.add(1);
    return magazine.push(block);  // last: from here on a pool that is being released may be gone
}

/// Puts the large block that starts at `address`, at the slice that `word` tells of, into a slot; false, and
/// nothing is done, if no live one does or no slot is empty.
[[gnu::always_inline]] inline bool put_ready_large(cache::ArenaCache& cache, std::atomic<std::uint64_t>& word,
                                                   std::uintptr_t address, ReturnedBy by,
                                                   const PoolOptions& options) noexcept {
    const arena::SliceEntry entry(word.load(std::memory_order_relaxed));
    if (!entry.is_live_block() || !cache.large().put_live(address, word, entry)) return false;
    cache.figures.large_bytes_back.add(entry.slices() * base::kSliceBytes);
    if (by == ReturnedBy::kDestructor) cache.figures.auto_returns.add(1);
    if (options.idle_decay) DecayThread::wake();
    cache.figures.large_frees.conclude(1);  // last: from here on a pool that is being released may be gone
    return true;
}

/// Takes a block back into the cache that the calling thread used last, whose key was found to be right.
[[gnu::always_inline]] inline bool put_hot(const cache::HotCache& hot, std::uintptr_t address, ReturnedBy by,
                                           const PoolOptions& options) noexcept {
    arena::BlockMark* marks = hot.fine.records;
    std::size_t unit = hot.fine.unit_at<arena::kFineUnitShift>(address);
    if (unit >= hot.fine.units) {
        marks = hot.coarse.records;
        unit = hot.coarse.unit_at<arena::kCoarseUnitShift>(address);
        if (unit >= hot.coarse.units) {
            const std::size_t slice = hot.large.unit_at<arena::kSliceShift>(address);
            return slice < hot.large.units &&
                   put_ready_large(*hot.cache, hot.large.records[slice], address, by, options);
        }
    }
    return put_ready(*hot.cache, marks[unit].load(std::memory_order_relaxed), address, by);
}

inline std::uint32_t PoolCore::arena_of_current_node() const noexcept {
    const auto node = static_cast<std::size_t>(os::current_node());
    return node < arena_of_cpu_.size() ? static_cast<std::uint32_t>(arena_of_cpu_[node]) : 0;
}

/// The arena of a request where a table tells; -1 else.
inline int PoolCore::known_arena(const Placement& placement) const noexcept {
    if (single_arena_ && !options_.numa_aware) return 0;
    if (placement.kind() == Placement::Kind::kCurrentNode)
        return single_arena_ ? 0 : static_cast<int>(arena_of_current_node());
    const auto node = static_cast<std::size_t>(placement.node());
    const bool named = placement.kind() == Placement::Kind::kNode && node < arena_of_memory_.size();
    return named ? arena_of_memory_[node] : -1;
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
    if (key == cache::kNoCacheKey || request.alignment != kMinAlignment || request.bind) return nullptr;
    const int index = known_arena(request.placement);
    if (index < 0) return nullptr;
    key += static_cast<std::uint64_t>(index);
    cache::HotCache& hot = cache::hot_cache;
    if (hot.key != key) {
        const cache::ThreadCache* mine = cache::find_cache(slot_, id_);
        cache::ArenaCache* found = mine != nullptr ? mine->find(static_cast<std::uint32_t>(index)) : nullptr;
        if (found == nullptr) return nullptr;
        hot.set(key, *found);
    }
    cache::ArenaCache& cache = *hot.cache;
    void* block = take_ready(cache, bytes);
    if (block == nullptr) {
        if (base::holds_locks()) return nullptr;
        if (bytes - 1 >= base::kMaxSlabBlockBytes || !cache.refill(base::size_class(bytes))) return nullptr;
        if (cache.dropped_unsealed()) return nullptr;  // the long way tells of it
        block = take_ready(cache, bytes);
        if (block == nullptr) return nullptr;
    }
    if (request.zeroed) std::memset(block, 0, bytes);
    if (monitoring_ && requested_remotely(request.placement, static_cast<std::uint32_t>(index)))
        cache.figures.remote_allocations.add(1);
    return block;
}

inline bool PoolCore::return_hot(void* block) noexcept {
    const cache::HotCache& hot = cache::hot_cache;
    // The second comparison does for all arenas of the pool.
    if (hot.key != only_key_.load(std::memory_order_relaxed) &&
        hot.key - fast_key_.load(std::memory_order_relaxed) >= cache::kMaxArenas)
        return false;
    return put_hot(hot, reinterpret_cast<std::uintptr_t>(block), ReturnedBy::kCaller, options_);
}

inline bool PoolCore::return_hot_of_any(void* block, ReturnedBy by) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const arena::AddressRange* range = arena::find_range(address);
    if (range == nullptr) return false;
    const auto& pool = *static_cast<const PoolCore*>(range->pool);
    const cache::HotCache& hot = cache::hot_cache;
    if (hot.key != pool.fast_key_.load(std::memory_order_relaxed) + range->arena_index) return false;
    return put_hot(hot, address, by, pool.options_);
}

inline ErrorCode PoolCore::return_block(void* block, ReturnedBy by, const PoolCore* expected) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    arena::AddressRange* range = arena::find_range(address);
    if (range == nullptr) [[unlikely]]
        return return_plain(block, expected);
    if (base::holds_locks()) [[unlikely]]
        return ErrorCode::kInterrupted;
    auto* pool = static_cast<PoolCore*>(range->pool);
    if (expected != nullptr && pool != expected) [[unlikely]]
        return expected->refuse_return(ErrorCode::kWrongPool, address);
    // Read before the block is given up: a closed pool may be gone right after its last block is.
    const std::uint64_t key = pool->fast_key_.load(std::memory_order_relaxed);
    if (key == cache::kNoCacheKey) [[unlikely]]
        return pool->return_slow(*range, address, by);
    const cache::ThreadCache* mine = cache::find_cache(pool->slot_, pool->id_);
    cache::ArenaCache* cache = mine != nullptr ? mine->find(range->arena_index) : nullptr;
    if (cache == nullptr) [[unlikely]]
        return pool->return_slow(*range, address, by);
    cache::hot_cache.set(key + range->arena_index, *cache);
    const std::size_t slice = range->index_of(address);
    const arena::SliceEntry entry = range->entry(slice);
    if (entry.is_slab()) {
        const std::uint32_t mark = range->mark_at(address);
        if (mark != 0 && !arena::is_sealed(address) && !pool->options_.max_idle_bytes) {
            const std::uint32_t size_class = arena::class_of_mark(mark);
            cache->hold_return(size_class);
            cache->free_past_magazine(size_class, address);
            if (by == ReturnedBy::kDestructor) cache->figures.auto_returns.add(1);
            if (pool->options_.idle_decay) DecayThread::wake();
            cache->conclude_return(size_class);  // last: see above
            return ErrorCode::kOk;
        }
    } else if (address == range->address_of(slice) &&
               put_ready_large(*cache, range->entries[slice], address, by, pool->options_)) {
        return ErrorCode::kOk;
    }
    return pool->return_slow(*range, address, by);
}

}  // namespace numapool::detail
