// Owns: a block's way back, found by its address alone.
// Must not know: exceptions and messages.
#include <cstring>

#include "pool/decay_thread.h"
#include "pool/plain_heap.h"
#include "pool/pool_core.h"
#include "pool/pool_registry.h"

namespace numapool::detail {
namespace {

using arena::AddressRange;
using arena::BlockState;
using arena::SliceEntry;

/// What an address that is no live block is.
ErrorCode refuse(const AddressRange& range, std::size_t slice, std::uintptr_t address) noexcept {
    const SliceEntry entry = range.entry(slice);
    if (address != range.address_of(slice)) return ErrorCode::kInteriorPointer;
    if (entry.is_block() || entry.is_free_run()) return ErrorCode::kAlreadyReturned;
    return ErrorCode::kInteriorPointer;
}

/// The slab's block at `address`, its state null if there is none that starts there.
arena::Block slab_block(const arena::Slab& slab, std::uintptr_t address) noexcept {
    const std::size_t offset = address - slab.base;
    const std::uint32_t index = base::block_index(slab.shape, offset);
    if (index >= slab.shape.blocks || std::size_t{index} * slab.shape.block_bytes != offset) return {};
    return {address, &slab.states[index]};
}

bool is_live(const arena::Block& block) noexcept {
    return block.state->load(std::memory_order_relaxed) == static_cast<std::uint8_t>(BlockState::kLive);
}

ErrorCode return_plain(void* block) noexcept {
    const auto found = PlainHeap::find(block);
    if (!found) return ErrorCode::kForeignPointer;
    if (found->pool->options().zero_on_return) std::memset(block, 0, found->bytes);
    return found->pool->return_plain_block(block, found->bytes);
}

}  // namespace

ErrorCode PoolCore::return_plain_block(void* block, std::size_t bytes) noexcept {
    ErrorCode result = ErrorCode::kOk;
    const auto give_back = [&] {
        if (PlainHeap::free(block)) {
            plain_bytes_back_.fetch_add(bytes, std::memory_order_relaxed);
            plain_returns_.fetch_add(1, std::memory_order_relaxed);
        } else {
            result = ErrorCode::kAlreadyReturned;
        }
    };
    if (closed()) {
        PoolRegistry::return_to_closed(*this, give_back);
    } else {
        give_back();
    }
    return result;
}

ErrorCode PoolCore::return_block(void* block, ReturnedBy by) noexcept {
    if (block == nullptr) return ErrorCode::kOk;
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    AddressRange* range = arena::find_range(address);
    if (range == nullptr) return return_plain(block);
    auto* pool = static_cast<PoolCore*>(range->pool);
    const std::size_t slice = range->index_of(address);
    const SliceEntry entry = range->entry(slice);
    // Read before the block is given up: a closed pool may be gone right after its last block is.
    const bool fast = pool->fast_.load(std::memory_order_relaxed) && !pool->options_.zero_on_return;
    cache::ThreadCache* mine = fast ? cache::find_cache(pool->slot_, pool->id_) : nullptr;
    cache::ArenaCache* cache = mine != nullptr ? mine->find(range->arena_index) : nullptr;
    if (entry.is_slab()) {
        const arena::Slab& slab = *entry.slab();
        const arena::Block found = slab_block(slab, address);
        if (found.state == nullptr) return ErrorCode::kInteriorPointer;
        if (!is_live(found)) return ErrorCode::kAlreadyReturned;
        if (cache != nullptr) {
            cache::Magazine& magazine = cache->magazine(slab.size_class);
            if (magazine.size() < magazine.limit) {
                magazine.push(found);
                if (by == ReturnedBy::kDestructor) cache->figures.auto_returns.add(1);
                magazine.frees.add(1);  // last: from here on a pool that is being released may be gone
                return ErrorCode::kOk;
            }
        }
    } else {
        if (!entry.is_block() || entry.state() != BlockState::kLive || address != range->address_of(slice)) {
            return refuse(*range, slice, address);
        }
        if (cache != nullptr) {
            const std::size_t bytes = entry.slices() * base::kSliceBytes;
            range->set_entry(slice, SliceEntry::block(entry.slices(), BlockState::kCached));
            if (cache->large().put(address, bytes)) {
                cache->figures.large_bytes_back.add(bytes);
                if (by == ReturnedBy::kDestructor) cache->figures.auto_returns.add(1);
                cache->figures.large_frees.add(1);  // last, as above
                return ErrorCode::kOk;
            }
            range->set_entry(slice, entry);
        }
    }
    return pool->return_slow(*range, address, by);
}

ErrorCode PoolCore::return_slow(AddressRange& range, std::uintptr_t address, ReturnedBy by) noexcept {
    const SliceEntry entry = range.entry(range.index_of(address));
    const bool in_slab = entry.is_slab();
    const std::uint32_t size_class = in_slab ? entry.slab()->size_class : 0;
    const std::size_t bytes = in_slab ? entry.slab()->shape.block_bytes : entry.slices() * base::kSliceBytes;
    const auto take = [&](bool keep) {
        if (options_.zero_on_return) std::memset(reinterpret_cast<void*>(address), 0, bytes);
        with_cache(range.arena_index, [&](cache::ArenaCache& cache) { take_back(cache, address, keep); });
    };
    const auto count = [&] {
        with_cache(range.arena_index, [&](cache::ArenaCache& cache) {
            if (by == ReturnedBy::kDestructor) cache.figures.auto_returns.add(1);
            if (in_slab) {
                cache.magazine(size_class).frees.add(1);
            } else {
                cache.figures.large_bytes_back.add(bytes);
                cache.figures.large_frees.add(1);
            }
        });
    };
    if (closed()) {
        PoolRegistry::return_to_closed(*this, [&] {
            take(false);
            release_idle(budget_.committed(), EvictionCause::kTrim);
            count();
        });
        return ErrorCode::kOk;
    }
    take(true);
    if (options_.max_idle_bytes) enforce_idle_bound(bytes);
    if (options_.idle_decay) DecayThread::wake();
    count();  // last: from here on a pool that is being released may be gone
    return ErrorCode::kOk;
}

void PoolCore::take_back(cache::ArenaCache& cache, std::uintptr_t address, bool keep) noexcept {
    AddressRange& range = *arena::find_range(address);
    const std::size_t slice = range.index_of(address);
    const SliceEntry entry = range.entry(slice);
    if (entry.is_slab()) {
        const arena::Slab& slab = *entry.slab();
        const arena::Block block = slab_block(slab, address);
        if (keep) {
            cache.free_past_magazine(slab.size_class, block);
        } else {
            cache.arena().bin(slab.size_class).put(cache.arena(), &block, 1);
        }
        return;
    }
    range.set_entry(slice, SliceEntry::block(entry.slices(), BlockState::kCached));
    if (keep) {
        cache.free_past_slots(address, entry.slices() * base::kSliceBytes);
    } else {
        cache.arena().release_lapsed(cache.put_large(address));
    }
}

void PoolCore::enforce_idle_bound(std::size_t uncounted_bytes) noexcept {
    const std::size_t committed = budget_.committed();
    const std::size_t live = live_bytes() - uncounted_bytes;
    if (committed < live || committed - live <= *options_.max_idle_bytes) return;
    release_idle(committed - live - *options_.max_idle_bytes, EvictionCause::kMaxIdleBytes);
}

PoolCore* PoolCore::owner_of(const void* block) noexcept {
    const AddressRange* range = arena::find_range(reinterpret_cast<std::uintptr_t>(block));
    if (range != nullptr) return static_cast<PoolCore*>(range->pool);
    const auto plain = PlainHeap::find(block);
    return plain ? plain->pool : nullptr;
}

std::optional<BlockInfo> PoolCore::find_block(const void* block) noexcept {
    if (const auto plain = PlainHeap::find(block); plain && plain->pool == this) {
        return BlockInfo{plain->bytes, {}, base::tier_of(plain->bytes)};
    }
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const AddressRange* range = arena::find_range(address);
    if (range == nullptr || range->pool != this) return std::nullopt;
    const std::size_t slice = range->index_of(address);
    const SliceEntry entry = range->entry(slice);
    std::size_t bytes = 0;
    if (entry.is_slab()) {
        const arena::Block found = slab_block(*entry.slab(), address);
        if (found.state == nullptr || !is_live(found)) return std::nullopt;
        bytes = entry.slab()->shape.block_bytes;
    } else {
        if (!entry.is_block() || entry.state() != BlockState::kLive || address != range->address_of(slice)) {
            return std::nullopt;
        }
        bytes = entry.slices() * base::kSliceBytes;
    }
    return BlockInfo{bytes, arenas_[range->arena_index].placement, base::tier_of(bytes)};
}

}  // namespace numapool::detail

namespace numapool {

ErrorCode return_block(void* block, ReturnedBy by) noexcept {
    return detail::PoolCore::return_block(block, by);
}

}  // namespace numapool
