// Owns: a block's way back, found by its address alone.
// Must not know: exceptions and messages.
#include <cstring>

#include "pool/decay_thread.h"
#include "pool/fast_path.h"
#include "pool/plain_heap.h"
#include "pool/pool_core.h"
#include "pool/pool_registry.h"

namespace numapool::detail {
namespace {

using arena::AddressRange;
using arena::SliceEntry;

/// What an address that is no live block is.
ErrorCode refuse(const AddressRange& range, std::size_t slice, std::uintptr_t address) noexcept {
    const SliceEntry entry = range.entry(slice);
    if (address != range.address_of(slice)) return ErrorCode::kInteriorPointer;
    if (entry.is_block() || entry.is_free_run()) return ErrorCode::kAlreadyReturned;
    return ErrorCode::kInteriorPointer;
}

void take_back(cache::ArenaCache& cache, std::uint32_t size_class, std::uintptr_t address,
               bool keep) noexcept {
    if (keep) {
        cache.free_past_magazine(size_class, address);
    } else {
        static_cast<void>(arena::seal(address));
        cache.put_past_magazine(size_class, address);
    }
}

void take_back(cache::ArenaCache& cache, std::uintptr_t address, const cache::KeptBlock& kept,
               bool keep) noexcept {
    if (keep) {
        cache.free_past_slots(address, kept);
    } else if (cache.put_large(address, kept.bytes)) {
        cache.arena().release_lapsed();
    }
}

}  // namespace

ErrorCode PoolCore::return_plain(void* block, const PoolCore* expected) noexcept {
    if (block == nullptr) return ErrorCode::kOk;
    const auto found = PlainHeap::find(block);
    PoolCore* pool = found ? found->pool : nullptr;
    if (pool == nullptr || (expected != nullptr && pool != expected)) {
        const ErrorCode code = pool == nullptr ? ErrorCode::kForeignPointer : ErrorCode::kWrongPool;
        return expected == nullptr ? code
                                   : expected->refuse_return(code, reinterpret_cast<std::uintptr_t>(block));
    }
    bool freed = false;
    const auto give_back = [&] {
        if (pool->options_.zero_on_return) std::memset(block, 0, found->bytes);
        freed = PlainHeap::free(block);
        if (!freed) return;
        pool->plain_bytes_back_.fetch_add(found->bytes, std::memory_order_relaxed);
        pool->plain_returns_.fetch_add(1, std::memory_order_relaxed);
    };
    if (pool->closed()) {
        PoolRegistry::return_guarded(*pool, give_back);
    } else {
        give_back();
    }
    return freed ? ErrorCode::kOk : ErrorCode::kForeignPointer;
}

ErrorCode PoolCore::return_slow(AddressRange& range, std::uintptr_t address, ReturnedBy by) noexcept {
    const std::optional<ErrorCode> watched = return_fenced(address, by);
    const ErrorCode code = watched ? *watched : return_unwatched(range, address, by);
    return code == ErrorCode::kOk ? code : refuse_return(code, address);
}

ErrorCode PoolCore::return_unwatched(AddressRange& range, std::uintptr_t address, ReturnedBy by) noexcept {
    const std::size_t slice = range.index_of(address);
    const SliceEntry entry = range.entry(slice);
    const std::uint32_t mark = entry.is_slab() ? range.mark_at(address) : 0;
    if (entry.is_slab()) {
        if (mark == 0) {
            const base::ClassShape& shape = entry.slab()->shape;
            const base::BlockPosition at = base::block_position(shape, address - entry.slab()->base);
            return at.starts && at.index < shape.blocks ? ErrorCode::kAlreadyReturned
                                                        : ErrorCode::kInteriorPointer;
        }
        if (lies_ready(range, address)) return ErrorCode::kAlreadyReturned;
        static_cast<void>(arena::unseal(address));  // its holder wrote just that word
    } else if (!entry.is_held_block() || address != range.address_of(slice)) {
        return refuse(range, slice, address);
    } else if (!SliceEntry::claim(range.entries[slice], entry)) {
        return ErrorCode::kAlreadyReturned;  // by another thread, just now
    }
    const bool in_slab = entry.is_slab();
    const std::uint32_t size_class = in_slab ? arena::class_of_mark(mark) : 0;
    const std::size_t bytes = in_slab ? base::class_bytes(size_class) : entry.slices() * base::kSliceBytes;
    if (!in_slab && !entry.is_live_block()) settle(range, address, bytes);
    const auto take = [&](bool keep) {
        if (in_slab) {
            with_cache(range.arena_index, [&](cache::ArenaCache& cache) { cache.hold_return(size_class); });
        }
        if (options_.zero_on_return) std::memset(reinterpret_cast<void*>(address), 0, bytes);
        with_cache(range.arena_index, [&](cache::ArenaCache& cache) {
            if (in_slab) {
                take_back(cache, size_class, address, keep);
            } else {
                take_back(cache, address, {bytes, &range.entries[slice]}, keep);
            }
        });
    };
    const auto count = [&] {
        with_cache(range.arena_index, [&](cache::ArenaCache& cache) {
            if (by == ReturnedBy::kDestructor) cache.figures.auto_returns.add(1);
            if (in_slab) {
                cache.conclude_return(size_class);
            } else {
                cache.figures.large_bytes_back.add(bytes);
                cache.figures.large_frees.conclude(1);
            }
        });
    };
    // Without a cache of its own the thread uses the pool's spare one, also after it has counted the block:
    // then, as with a closed pool, the registry's lock keeps the pool from going meanwhile.
    if (closed() || own_cache(range.arena_index) == nullptr) {
        PoolRegistry::return_guarded(*this, [&] {
            take(!closed());
            if (closed()) release_idle(budget_.committed(), EvictionCause::kTrim);
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

bool PoolCore::lies_ready(const AddressRange& range, std::uintptr_t address) noexcept {
    const std::uint32_t mark = range.mark_at(address);
    if (mark == 0) return true;
    if (!arena::is_sealed(address)) return false;
    const std::uint32_t size_class = arena::class_of_mark(mark);
    if (arena_at(range.arena_index)->bin(size_class).has_returned(range, address, size_class)) return true;
    if (arenas_[range.arena_index].shared->depots[size_class].has(address)) return true;
    bool found = false;
    caches_.for_each([&](const cache::ThreadCache& thread) {
        const cache::ArenaCache* cache = thread.find(range.arena_index);
        found = found || (cache != nullptr && cache->magazine(size_class).has(address));
    });
    return found;
}

void PoolCore::enforce_idle_bound(std::size_t uncounted_bytes) noexcept {
    const std::size_t committed = budget_.committed();
    const std::size_t live = live_bytes() - uncounted_bytes;
    if (committed < live || committed - live <= *options_.max_idle_bytes) return;
    release_idle(committed - live - *options_.max_idle_bytes, EvictionCause::kMaxIdleBytes);
}

std::optional<BlockInfo> PoolCore::find_block(const void* block, bool held) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const AddressRange* range = arena::find_range(address);
    if (range == nullptr) {
        const auto plain = PlainHeap::find(block);
        if (!plain || plain->pool != this) return std::nullopt;
        return BlockInfo{plain->bytes, {}, base::tier_of(plain->bytes), true};
    }
    if (range->pool != this) return std::nullopt;
    if (fenced_.any()) {
        if (const auto watched = fenced_.find(address)) {
            if (watched->state != FencedBlock::State::kLive) return std::nullopt;
            return BlockInfo{watched->inner_bytes, arenas_[range->arena_index].placement,
                             base::tier_of(watched->inner_bytes), false};
        }
    }
    const std::size_t slice = range->index_of(address);
    const SliceEntry entry = range->entry(slice);
    std::size_t bytes = 0;
    bool settled = true;
    if (entry.is_slab()) {
        const std::uint32_t mark = range->mark_at(address);
        if (mark == 0 || (!held && lies_ready(*range, address))) return std::nullopt;
        bytes = base::class_bytes(arena::class_of_mark(mark));
    } else {
        if (!entry.is_held_block() || address != range->address_of(slice)) return std::nullopt;
        bytes = entry.slices() * base::kSliceBytes;
        settled = entry.is_live_block();
    }
    return BlockInfo{bytes, arenas_[range->arena_index].placement, base::tier_of(bytes), settled};
}

}  // namespace numapool::detail

namespace numapool {
namespace {

// Apart, so that the short way needs no stack frame.
[[gnu::noinline]] ErrorCode return_cold(void* block, ReturnedBy by) noexcept {
    return detail::PoolCore::return_block(block, by, nullptr);
}

}  // namespace

ErrorCode return_block(void* block, ReturnedBy by) noexcept {
    if (detail::PoolCore::return_hot_of_any(block, by)) [[likely]]
        return ErrorCode::kOk;
    return return_cold(block, by);
}

}  // namespace numapool
