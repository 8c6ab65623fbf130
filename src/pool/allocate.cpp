// Owns: a request's way through the pool, from the shortest path to the last resort.
// Must not know: exceptions and messages.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/bits.h"
#include "base/log.h"
#include "os/virtual_memory.h"
#include "pool/fast_path.h"
#include "pool/interleave_sets.h"
#include "pool/plain_heap.h"
#include "pool/pool_core.h"
#include "pool/pool_registry.h"

namespace numapool::detail {
namespace {

/// The class for a request, its blocks at multiples of `alignment`; kSizeClasses if only a large block will
/// do.
std::uint32_t class_for(std::size_t bytes, std::size_t alignment) noexcept {
    if (bytes > base::kMaxSlabBlockBytes || alignment > base::kSliceBytes) return base::kSizeClasses;
    std::uint32_t size_class = base::size_class(std::max(bytes, alignment > kMinAlignment ? alignment : 0));
    while (size_class < base::kSizeClasses && base::class_bytes(size_class) % alignment != 0) ++size_class;
    return size_class;
}

// Nobody can be asked any more who did it. The block counts as live for good. No lock may be held.
void tell_of_unsealed(std::uintptr_t block) noexcept {
    char message[200];
    static_cast<void>(std::snprintf(message, sizeof(message),
                                    "the buffer at %#zx was written to after its return, or returned twice; "
                                    "it is not handed out again",
                                    static_cast<std::size_t>(block)));
    base::log(LogLevel::kError, message);
}

}  // namespace

bool PoolCore::select_arena(const Placement& placement, std::uint32_t& index,
                            base::Failure& failure) noexcept {
    if (!options_.numa_aware) {
        index = 0;
        return true;
    }
    if (placement.kind() == Placement::Kind::kCurrentNode) {
        index = single_arena_ ? 0 : arena_of_current_node();
        return true;
    }
    if (placement.kind() == Placement::Kind::kNode) {
        const int node = placement.node();
        if (node < 0 || node >= os::NodeMask::kMaxNodes ||
            arena_of_memory_[static_cast<std::size_t>(node)] < 0) {
            failure = {ErrorCode::kInvalidNode, 0, static_cast<std::size_t>(node), 0};
            return false;
        }
        index = static_cast<std::uint32_t>(arena_of_memory_[static_cast<std::size_t>(node)]);
        return true;
    }
    index = cache::kMaxNodeArenas + static_cast<std::uint32_t>(placement.interleave_set());
    if (arena_at(index) != nullptr) return true;
    const os::NodeMask& nodes = interleave_set(placement.interleave_set()).nodes;
    for (int node = 0; node < os::NodeMask::kMaxNodes; ++node) {
        if (nodes.has(node) && arena_of_memory_[static_cast<std::size_t>(node)] < 0) {
            failure = {ErrorCode::kInvalidNode, 0, static_cast<std::size_t>(node), 0};
            return false;
        }
    }
    if (make_arena(index, placement) != nullptr) return true;
    failure = {ErrorCode::kOutOfMemory, ENOMEM, sizeof(arena::NodeArena), 0};
    return false;
}

std::optional<Placement> PoolCore::resolve(const Placement& placement) noexcept {
    std::uint32_t index = 0;
    base::Failure failure;
    if (!select_arena(placement, index, failure)) return std::nullopt;
    return arenas_[index].placement;
}

void* PoolCore::allocate_slow(std::size_t bytes, const Request& request, base::Failure& failure) noexcept {
    if (base::holds_locks()) {
        failure = {ErrorCode::kInterrupted, 0, bytes, 0};
        return nullptr;
    }
    if (closed()) {
        failure = {ErrorCode::kClosed, 0, bytes, 0};
        return nullptr;
    }
    if (!base::is_power_of_two(request.alignment) || request.alignment > kMaxAlignment) {
        failure = {ErrorCode::kInvalidAlignment, 0, request.alignment, kMaxAlignment};
        return nullptr;
    }
    if (bytes > kMostBytes) {
        failure = {ErrorCode::kInvalidSize, 0, bytes, kMostBytes};
        return nullptr;
    }
    std::uint32_t index = 0;
    if (!select_arena(request.placement, index, failure)) return nullptr;
    if (bytes > budget_.limit()) {
        failure = {ErrorCode::kLimitExceeded, 0, bytes, budget_.limit()};
        return nullptr;
    }
    const std::size_t alignment = std::max(request.alignment, kMinAlignment);
    if (settings_.disabled) {
        void* block = PlainHeap::allocate(*this, bytes, alignment);
        if (block == nullptr) {
            failure = {ErrorCode::kOutOfMemory, ENOMEM, bytes, 0};
            return nullptr;
        }
        if (request.zeroed) std::memset(block, 0, bytes);
        plain_allocations_.fetch_add(1, std::memory_order_relaxed);
        plain_bytes_out_.fetch_add(bytes, std::memory_order_relaxed);
        return block;
    }
    void* result = nullptr;
    Placing placing{bind_mode(request, *arena_at(index))};
    std::uintptr_t unsealed = 0;
    for (bool first = true;; first = false) {
        const bool all = settings_.check == CheckMode::kAll;
        const bool watched = all || (first && wants_sample(placing.mode));
        with_cache(index, [&](cache::ArenaCache& cache) {
            if (watched) result = hand_out_fenced(cache, bytes, alignment, request, placing, failure);
            if (result == nullptr && !all) {
                const Taken taken = take(cache, bytes, alignment, failure);
                if (taken.address != nullptr)
                    result = hand_out(cache, taken, bytes, 0, request, placing, failure);
            }
            unsealed = cache.take_unsealed();
        });
        if (unsealed != 0) tell_of_unsealed(unsealed);
        if (result != nullptr || failure.code == ErrorCode::kPlacementFailed) break;
        if (!first || !make_room(bytes, failure)) return nullptr;
    }
    if (result != nullptr) report(index, placing);
    return result;
}

PoolCore::Taken PoolCore::take(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
                               base::Failure& failure) noexcept {
    const std::uint32_t size_class = class_for(bytes, alignment);
    if (size_class == base::kSizeClasses) return take_large(cache, bytes, alignment, failure);
    const std::size_t block_bytes = base::class_bytes(size_class);
    cache::Magazine& magazine = cache.magazine(size_class);
    std::uintptr_t ready = magazine.pop();
    while (ready == 0 && cache.refill(size_class)) ready = magazine.pop();
    // Before new memory is faulted in, what ended threads left is asked for.
    if (ready == 0 && caches_.hand_on_waiting(size_class)) {
        while (ready == 0 && cache.refill(size_class)) ready = magazine.pop();
    }
    if (ready != 0) return {reinterpret_cast<void*>(ready), block_bytes, size_class, block_bytes};
    auto block = cache.allocate_past_magazine(size_class);
    if (!block) {
        failure = block.failure();
        return {};
    }
    Taken made{reinterpret_cast<void*>(block->address), block_bytes, size_class, block_bytes};
    if (!block->reused) {
        made.reused_bytes = 0;
        made.zero_until = block_bytes;
    }
    return made;
}

PoolCore::Taken PoolCore::taken_of(const arena::Extent& extent) noexcept {
    return {reinterpret_cast<void*>(extent.address),
            extent.bytes,
            base::kSizeClasses,
            extent.reused_bytes,
            extent.moved,
            extent.zero_until,
            extent.zero_from};
}

PoolCore::Taken PoolCore::take_large(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
                                     base::Failure& failure) noexcept {
    // An alignment can ask for a large block for few bytes; slots then would waste most of theirs.
    bytes = std::max(bytes, base::kMaxSlabBlockBytes + 1);
    if (const auto ready = cache.large().take(bytes, alignment); ready.block != 0)
        return {reinterpret_cast<void*>(ready.block), ready.bytes, base::kSizeClasses, ready.bytes};
    arena::NodeArena& arena = cache.arena();
    // Before a longer run is cut, what this thread keeps ready goes back and merges: kept apart, such blocks
    // would leave ever smaller runs. And before new memory is faulted in, what other threads keep ready does.
    bool lapsed = false;
    arena::Extent idle;
    if (cache.large().filled() != 0) {
        idle = arena.take_idle_block(bytes, alignment, arena::Fit::kSnug);
        if (idle.address != 0) return taken_of(idle);
        lapsed = cache.drain_large();
    }
    idle = arena.take_idle_block(bytes, alignment);
    if (idle.address == 0) {
        lapsed |= drain_large(arena.settings().index);
        idle = arena.take_idle_block(bytes, alignment);
    }
    // What waits of samples must cost no page; where all blocks are watched, that they wait is the point.
    if (idle.address == 0 && settings_.check != CheckMode::kAll && release_all_fenced())
        idle = arena.take_idle_block(bytes, alignment);
    base::Result<arena::Extent> made = idle;
    if (idle.address == 0) made = arena.take_moved_block(bytes, alignment);
    if (lapsed) arena.release_lapsed();
    if (made && made->address == 0) made = arena.take_new_block(bytes, alignment);
    if (!made) {
        failure = made.failure();
        return {};
    }
    return taken_of(*made);
}

bool PoolCore::requested_remotely(const Placement& placement, std::uint32_t index) const noexcept {
    return !single_arena_ && placement.kind() == Placement::Kind::kNode && arena_of_current_node() != index;
}

void* PoolCore::hand_out(cache::ArenaCache& cache, const Taken& taken, std::size_t bytes, std::size_t offset,
                         const Request& request, Placing& placing, base::Failure& failure) noexcept {
    arena::NodeArena& arena = cache.arena();
    if (placing.mode != BindMode::kNone && !place(cache, taken, placing, failure)) {
        failure.value = bytes;
        discard(cache, reinterpret_cast<std::uintptr_t>(taken.address), taken.bytes);
        return nullptr;
    }
    if (request.zeroed) {
        const std::size_t begin = std::clamp(taken.zero_until, offset, offset + bytes);
        const std::size_t end = std::clamp(taken.zero_from, offset, offset + bytes);
        if (begin < end) std::memset(static_cast<char*>(taken.address) + begin, 0, end - begin);
    }
    cache::ThreadFigures& figures = cache.figures;
    if (taken.size_class < base::kSizeClasses) {
        cache::Magazine& magazine = cache.magazine(taken.size_class);
        magazine.allocations.add(1);
        if (monitoring_) magazine.requested_bytes.add(bytes);
    } else {
        figures.large_allocations.add(1);
        figures.large_bytes_out.add(taken.bytes);
        if (monitoring_) figures.large_requested_bytes.add(bytes);
    }
    if (taken.reused_bytes != taken.bytes) {
        const auto tier = static_cast<std::size_t>(base::tier_of(taken.bytes));
        figures.misses[tier].add(1);
        figures.missed_bytes[tier].add(taken.bytes - taken.reused_bytes);
    } else if (taken.stitched) {
        arena.count_stitched();
    }
    if (monitoring_ && requested_remotely(request.placement, arena.settings().index))
        figures.remote_allocations.add(1);
    return taken.address;
}

bool PoolCore::make_room(std::size_t bytes, const base::Failure& failure) noexcept {
    if (failure.code == ErrorCode::kLimitExceeded) {
        // What is live stays: idle memory is only worth giving up if the request then fits.
        const std::size_t wanted = std::max(bytes, failure.value);
        const std::size_t live = live_bytes();
        if (live > budget_.limit() || wanted > budget_.limit() - live) return false;
        if (cache::ThreadCache* mine = cache::find_cache(slot_, id_); mine != nullptr)
            cache::CacheList::empty(*mine);
        const std::size_t committed = budget_.committed();
        const std::size_t needed = base::align_up(wanted, base::kSliceBytes);
        const std::size_t allowed = budget_.limit() - std::min(budget_.limit(), needed);
        return committed <= allowed || release_idle(committed - allowed, EvictionCause::kMaxBytes) != 0;
    }
    // No idle memory makes up for more than the machine has.
    if (failure.code != ErrorCode::kOutOfMemory || bytes > os::memory_bytes()) return false;
    const std::size_t own = trim(0, EvictionCause::kMaxBytes);
    return own + PoolRegistry::trim_others(*this) != 0;
}

}  // namespace numapool::detail
