// Owns: the short ways in and out of a pool: a thread's ready block, nothing but thread-local lines and the
// block's own state, no system call. Must not know: what happens when there is no ready block; allocate.cpp
// and return.cpp do.
#pragma once

#include "os/memory_policy.h"
#include "pool/decay_thread.h"
#include "pool/pool_core.h"

namespace numapool::detail {

inline void* PoolCore::allocate_fast(std::size_t bytes, const Request& request) noexcept {
    // Relaxed: a pool that closes at this moment may serve one more request.
    if (!fast_.load(std::memory_order_relaxed) || request.alignment != kMinAlignment || request.zeroed ||
        request.bind || request.placement.kind() != Placement::Kind::kCurrentNode) {
        return nullptr;
    }
    const cache::ThreadCache* mine = cache::find_cache(slot_, id_);
    if (mine == nullptr) return nullptr;
    cache::ArenaCache* cache = mine->find(single_arena_ ? 0 : arena_of_current_node());
    if (cache == nullptr) return nullptr;
    if (bytes <= base::kMaxSlabBlockBytes) {
        cache::Magazine& magazine = cache->magazine(base::size_class(bytes));
        if (magazine.size() == 0) return nullptr;
        magazine.allocations.add(1);
        if (monitoring_) magazine.requested_bytes.add(bytes);
        return reinterpret_cast<void*>(magazine.pop().address);
    }
    const std::uintptr_t address = cache->large().take(bytes, kMinAlignment);
    if (address == 0) return nullptr;
    const std::size_t block_bytes = arena::mark_block(address, arena::BlockState::kLive);
    cache::ThreadFigures& figures = cache->figures;
    figures.large_allocations.add(1);
    figures.large_bytes_out.add(block_bytes);
    if (monitoring_) figures.large_requested_bytes.add(bytes);
    return reinterpret_cast<void*>(address);
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
    if (!pool->fast_return_.load(std::memory_order_relaxed)) [[unlikely]]
        return pool->return_slow(*range, address, by);
    const cache::ThreadCache* mine = cache::find_cache(pool->slot_, pool->id_);
    cache::ArenaCache* cache = mine != nullptr ? mine->find(range->arena_index) : nullptr;
    if (cache == nullptr) [[unlikely]]
        return pool->return_slow(*range, address, by);
    const std::size_t slice = range->index_of(address);
    const arena::SliceEntry entry = range->entry(slice);
    if (entry.is_slab()) {
        const arena::Slab& slab = *entry.slab();
        std::atomic<std::uint8_t>* state = arena::state_at(slab, address);
        cache::Magazine& magazine = cache->magazine(slab.size_class);
        if (state == nullptr || !arena::is_live(*state) || magazine.size() >= magazine.limit) {
            return pool->return_slow(*range, address, by);
        }
        magazine.push({address, state});
        if (by == ReturnedBy::kDestructor) cache->figures.auto_returns.add(1);
        magazine.frees.add(1);  // last: from here on a pool that is being released may be gone
        return ErrorCode::kOk;
    }
    if (!entry.is_block() || entry.state() != arena::BlockState::kLive ||
        address != range->address_of(slice)) {
        return pool->return_slow(*range, address, by);
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
    cache->figures.large_frees.add(1);  // last, as above
    return ErrorCode::kOk;
}

}  // namespace numapool::detail
