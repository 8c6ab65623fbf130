// Owns: adding up a pool's figures from its arenas and its threads' caches.
// Must not know: how they came about.
#include <algorithm>

#include "os/virtual_memory.h"
#include "pool/pool_core.h"

namespace numapool::detail {
namespace {

/// What the threads did with one arena, added up.
struct Sums {
    std::array<std::uint64_t, kTiers> allocations{};
    std::array<std::int64_t, kTiers> live{};
    std::array<std::uint64_t, kTiers> bytes_out{};
    std::array<std::int64_t, kTiers> live_bytes{};
    std::array<std::uint64_t, kTiers> misses{};
    std::array<std::uint64_t, kTiers> missed_bytes{};
    std::array<std::uint64_t, kTiers> ready{};
    std::uint64_t requested = 0;
    std::uint64_t remote = 0;
    std::uint64_t auto_returns = 0;
};

constexpr auto kLarge = static_cast<std::size_t>(Tier::kLarge);

void add(Sums& sums, const cache::ArenaCache& cache) noexcept {
    for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
        const cache::Magazine& magazine = cache.magazine(size_class);
        const std::size_t block = base::class_bytes(size_class);
        const auto tier = static_cast<std::size_t>(base::tier_of(block));
        const std::int64_t live = cache.live(size_class);
        const std::uint64_t allocations = magazine.allocations.get();
        sums.live[tier] += live;
        sums.live_bytes[tier] += live * static_cast<std::int64_t>(block);
        sums.allocations[tier] += allocations;
        sums.bytes_out[tier] += allocations * block;
        sums.requested += magazine.requested_bytes.get();
    }
    const cache::ThreadFigures& figures = cache.figures;
    // Frees first: a block that passes through meanwhile then counts as live rather than as less than
    // nothing.
    const std::uint64_t frees = figures.large_frees.get_all();
    const std::uint64_t bytes_back = figures.large_bytes_back.get();
    const std::uint64_t allocations = figures.large_allocations.get();
    const std::uint64_t bytes_out = figures.large_bytes_out.get();
    sums.live[kLarge] += static_cast<std::int64_t>(allocations - frees);
    sums.live_bytes[kLarge] += static_cast<std::int64_t>(bytes_out - bytes_back);
    sums.allocations[kLarge] += allocations;
    sums.bytes_out[kLarge] += bytes_out;
    sums.requested += figures.large_requested_bytes.get();
    for (std::size_t tier = 0; tier < kTiers; ++tier) {
        sums.misses[tier] += figures.misses[tier].get();
        sums.missed_bytes[tier] += figures.missed_bytes[tier].get();
    }
    sums.remote += figures.remote_allocations.get();
    sums.auto_returns += figures.auto_returns.get();
}

double share(std::uint64_t part, std::uint64_t whole) noexcept {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Other threads go on meanwhile, so one sum may be a little ahead of another; a difference is never negative.
std::uint64_t difference(std::uint64_t more, std::uint64_t less) noexcept {
    return more > less ? more - less : 0;
}
std::uint64_t at_least_none(std::int64_t figure) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(figure, 0));
}

}  // namespace

std::size_t PoolCore::live_bytes() noexcept {
    Sums sums;
    for_each_cache([&](const cache::ArenaCache& cache) { add(sums, cache); });
    std::int64_t live = 0;
    for (const std::int64_t bytes : sums.live_bytes) live += bytes;
    return at_least_none(live);
}

bool PoolCore::anything_live() noexcept {
    if (settings_.disabled) return plain_allocations_.load() != plain_returns_.load();
    Sums sums;
    for_each_cache([&](const cache::ArenaCache& cache) { add(sums, cache); });
    std::int64_t live = 0;
    for (const std::int64_t blocks : sums.live) live += blocks;
    return live > 0;
}

Statistics PoolCore::statistics() {
    look_at_cpuset();
    Statistics result;
    result.name = options_.name;
    result.monitoring = monitoring_;
    result.disabled = settings_.disabled;
    result.fenced_allocations = fenced_.made();
    result.misuses = fenced_.found();
    std::uint64_t missed_bytes = 0;
    std::uint64_t misses = 0;
    result.metadata_bytes = sizeof(PoolCore) + caches_.record_bytes();
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        Sums sums;
        caches_.for_each([&](cache::ThreadCache& thread) {
            const cache::ArenaCache* found = thread.find(index);
            if (found == nullptr) return;
            add(sums, *found);
            for (std::size_t tier = 0; tier < kTiers; ++tier) {
                sums.ready[tier] += found->ready_blocks(static_cast<Tier>(tier));
            }
        });
        for (const Tier tier : {Tier::kSmall, Tier::kMedium})
            sums.ready[static_cast<std::size_t>(tier)] += arenas_[index].shared->ready_blocks(tier);
        sums.ready[kLarge] += arena.credits();
        NodeStatistics node;
        const Placement& placement = arenas_[index].placement;
        const std::vector<int> nodes = placement.nodes();
        node.node = nodes.empty() ? 0 : nodes[0];
        if (placement.kind() == Placement::Kind::kInterleave) {
            node.interleaved_over = nodes;
            node.interleave_weights = placement.weights();
        }
        node.memory_usage_bytes = arena.committed_bytes();
        const std::uint64_t slabs = arena.slab_bytes(Tier::kSmall) + arena.slab_bytes(Tier::kMedium);
        const std::array<std::uint64_t, kTiers> committed = {arena.slab_bytes(Tier::kSmall),
                                                             arena.slab_bytes(Tier::kMedium),
                                                             difference(node.memory_usage_bytes, slabs)};
        for (std::size_t i = 0; i < kTiers; ++i) {
            TierStatistics& tier = node.tiers[i];
            tier.allocations = sums.allocations[i];
            tier.live_buffers = at_least_none(sums.live[i]);
            tier.live_bytes = at_least_none(sums.live_bytes[i]);
            tier.idle_buffers = sums.ready[i];
            tier.idle_bytes = difference(committed[i], tier.live_bytes);
            node.allocations += tier.allocations;
            node.live_bytes += tier.live_bytes;
            misses += sums.misses[i];
            missed_bytes += sums.missed_bytes[i];
            result.bytes_handed_out += sums.bytes_out[i];
            TierStatistics& all = result.tiers[i];
            all.allocations += tier.allocations;
            all.live_buffers += tier.live_buffers;
            all.live_bytes += tier.live_bytes;
            all.idle_buffers += tier.idle_buffers;
            all.idle_bytes += tier.idle_bytes;
            result.live_buffers += tier.live_buffers;
        }
        node.idle_bytes = difference(node.memory_usage_bytes, node.live_bytes);
        if (monitoring_) node.local_allocations = difference(node.allocations, sums.remote);
        node.local_access_ratio = share(node.local_allocations, node.allocations);
        node.pages_looked_up = arena.pages_looked_up();
        node.pages_verified = arena.pages_found_home();
        node.verified_ratio = share(node.pages_verified, node.pages_looked_up);
        result.total_allocations += node.allocations;
        result.memory_usage_bytes += node.memory_usage_bytes;
        result.live_bytes += node.live_bytes;
        result.idle_bytes += node.idle_bytes;
        if (monitoring_) result.bytes_requested += sums.requested;
        result.auto_returns += sums.auto_returns;
        // A system that refuses one range its policy refuses all, from the first on. Buffers of a pool that
        // does not ask by itself are counted one by one, as they ask.
        const ArenaSlot& slot = arenas_[index];
        node.placement_refused = arena.policy_error() != 0 && options_.bind != BindMode::kNone &&
                                 !slot.forbidden.load(std::memory_order_relaxed);
        node.fallback_allocations =
            node.placement_refused ? node.allocations : slot.fallbacks.load(std::memory_order_relaxed);
        result.fallback_allocations += node.fallback_allocations;
        result.stitched += arena.stitched();
        result.metadata_bytes += arena.metadata_bytes() + sizeof(cache::SharedBlocks);
        for (std::size_t cause = 0; cause < kEvictionCauses; ++cause) {
            const Eviction evicted = arena.evicted(static_cast<EvictionCause>(cause));
            result.evictions[cause].events += evicted.events;
            result.evictions[cause].bytes += evicted.bytes;
        }
        result.nodes.push_back(std::move(node));
    });
    if (settings_.disabled) {
        result.total_allocations = plain_allocations_.load();
        result.bytes_handed_out = plain_bytes_out_.load();
        result.live_buffers = difference(result.total_allocations, plain_returns_.load());
        result.live_bytes = difference(result.bytes_handed_out, plain_bytes_back_.load());
        result.memory_usage_bytes = result.live_bytes;
        misses = result.total_allocations;
        missed_bytes = result.bytes_handed_out;
    }
    result.cache_hits = difference(result.total_allocations, misses);
    result.cache_hit_ratio = share(result.cache_hits, result.total_allocations);
    result.bytes_reused = difference(result.bytes_handed_out, missed_bytes);
    result.allocation_efficiency = share(result.bytes_requested, result.bytes_handed_out);
    result.buffer_reuse_ratio = share(result.bytes_reused, result.bytes_handed_out);
    result.page_faults_avoided = result.bytes_reused / os::page_bytes();
    result.peak_memory_bytes = std::max<std::uint64_t>(budget_.peak(), result.memory_usage_bytes);
    return result;
}

}  // namespace numapool::detail

namespace numapool {

const char* to_string(Tier tier) noexcept {
    switch (tier) {
        case Tier::kSmall:
            return "small";
        case Tier::kMedium:
            return "medium";
        case Tier::kLarge:
            return "large";
    }
    return "unknown";
}

const char* to_string(EvictionCause cause) noexcept {
    switch (cause) {
        case EvictionCause::kMaxBuffers:
            return "max_buffers";
        case EvictionCause::kMaxIdleBytes:
            return "max_idle_bytes";
        case EvictionCause::kMaxBytes:
            return "max_bytes";
        case EvictionCause::kDecay:
            return "decay";
        case EvictionCause::kTrim:
            return "trim";
        case EvictionCause::kNotMovable:
            return "not_movable";
    }
    return "unknown";
}

}  // namespace numapool
