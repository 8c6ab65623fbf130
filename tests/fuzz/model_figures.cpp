// Owns: the rules of pool_model.h for figures, and for operations that change only them.
// Must not know: which operations come when; how a pool works.
#include <unistd.h>

#include <algorithm>
#include <string>

#include "pool_model.h"
#include "trace.h"

namespace numapool::fuzz {
namespace {

void check_equal(const char* what, std::uint64_t told, std::uint64_t counted) {
    NUMAPOOL_FUZZ_CHECK(told == counted, std::string(what) + ": the pool tells " + std::to_string(told) +
                                             ", and it is " + std::to_string(counted));
}

void check_at_most(const char* what, std::uint64_t less, std::uint64_t more) {
    NUMAPOOL_FUZZ_CHECK(less <= more,
                        std::string(what) + ": " + std::to_string(less) + " against " + std::to_string(more));
}

bool is_of(const NodeStatistics& node, const Placement& place) {
    if (place.kind() == Placement::Kind::kInterleave) {
        return node.interleaved_over == place.nodes() && node.interleave_weights == place.weights();
    }
    return node.interleaved_over.empty() && (place.node() < 0 || node.node == place.node());
}

}  // namespace

Figures PoolModel::figures(const ModelPool& pool) {
    const Statistics s = pool.tested->statistics();
    return {s.total_allocations, s.cache_hits,   s.bytes_requested, s.bytes_handed_out,
            s.bytes_reused,      s.live_buffers, s.live_bytes,      s.auto_returns};
}

void PoolModel::check_statistics(ModelPool& pool) {
    const Statistics s = pool.tested->statistics();
    check_equal("total_allocations", s.total_allocations, pool.all.allocations);
    check_equal("live_buffers", s.live_buffers, pool.all.live_buffers);
    check_equal("live_bytes", s.live_bytes, pool.all.live_bytes);
    check_equal("bytes_handed_out", s.bytes_handed_out, pool.handed_out);
    check_equal("bytes_requested", s.bytes_requested, pool.options.enable_monitoring ? pool.requested : 0);
    check_equal("auto_returns", s.auto_returns, pool.auto_returns);
    check_equal("pending", s.pending_buffers + s.pending_bytes, 0);
    check_equal("live + idle", s.live_bytes + s.idle_bytes, s.memory_usage_bytes);
    check_at_most("usage and peak", s.memory_usage_bytes, s.peak_memory_bytes);
    check_at_most("an earlier peak and this one", pool.peak, s.peak_memory_bytes);
    check_at_most("hits and allocations", s.cache_hits, s.total_allocations);
    check_at_most("hits moved together and hits", s.stitched, s.cache_hits);
    check_at_most("bytes reused and handed out", s.bytes_reused, s.bytes_handed_out);
    if (pool.options.max_bytes)
        check_at_most("peak and max_bytes", s.peak_memory_bytes, *pool.options.max_bytes);
    pool.peak = std::max(pool.peak, s.peak_memory_bytes);

    std::uint64_t tier_idle = 0;
    for (std::size_t i = 0; i < kTiers; ++i) {
        check_equal("a tier's allocations", s.tiers[i].allocations, pool.tiers[i].allocations);
        check_equal("a tier's live_buffers", s.tiers[i].live_buffers, pool.tiers[i].live_buffers);
        check_equal("a tier's live_bytes", s.tiers[i].live_bytes, pool.tiers[i].live_bytes);
        tier_idle += s.tiers[i].idle_bytes;
    }
    if (pool.still()) check_equal("the tiers' idle_bytes", tier_idle, s.idle_bytes);

    std::uint64_t found = 0;
    for (const NodeStatistics& node : s.nodes) {
        check_equal("a node's live + idle", node.live_bytes + node.idle_bytes, node.memory_usage_bytes);
        for (std::size_t i = pool.options.numa_aware ? 1 : 0; i < places_.size(); ++i) {
            if (!is_of(node, places_[i])) continue;
            check_equal("a node's allocations", node.allocations, pool.places[i].allocations);
            check_equal("a node's live_bytes", node.live_bytes, pool.places[i].live_bytes);
            found += node.allocations;
            break;
        }
    }
    check_equal("the nodes' allocations", found, s.total_allocations);
}

void PoolModel::count_reached(const ModelPool& pool) {
    const Statistics s = pool.tested->statistics();
    trace().count_reached("pools");
    trace().count_reached("allocations", s.total_allocations);
    trace().count_reached("allocations, large", s.tier(Tier::kLarge).allocations);
    trace().count_reached("hits", s.cache_hits);
    trace().count_reached("hits of moved pages", s.stitched);
    trace().count_reached("fallbacks", s.fallback_allocations);
    for (std::size_t i = 0; i < kEvictionCauses; ++i) {
        const auto cause = static_cast<EvictionCause>(i);
        trace().count_reached(std::string("given back: ") + to_string(cause), s.evicted(cause).events);
    }
}

void PoolModel::trim(ModelPool& pool, std::size_t keep) {
    if (!pool.still()) {
        pool.tested->trim(keep);
        return;
    }
    const Statistics before = pool.tested->statistics();
    const std::size_t given = pool.tested->trim(keep);
    const Statistics after = pool.tested->statistics();
    // What threads kept ready goes back first, and may have been more than max_buffers.
    std::uint64_t counted = 0;
    for (const auto cause : {EvictionCause::kTrim, EvictionCause::kMaxBuffers})
        counted += after.evicted(cause).bytes - before.evicted(cause).bytes;
    check_equal("what trim is said to have given back", counted, given);
    check_equal("what is gone", before.memory_usage_bytes - after.memory_usage_bytes, given);
    check_equal("live bytes after trim", after.live_bytes, before.live_bytes);
}

void PoolModel::initialize(ModelPool& pool, std::size_t bytes) {
    const ErrorCode code = pool.tested->initialize(bytes);
    if (pool.closed) {
        NUMAPOOL_FUZZ_CHECK(code == ErrorCode::kClosed, to_string(code));
        return;
    }
    if (code != ErrorCode::kOk) {
        const bool limited = code == ErrorCode::kLimitExceeded && pool.options.max_bytes;
        // A node whose policy was refused once is not asked again.
        const bool misplaced = code == ErrorCode::kPlacementFailed &&
                               pool.options.bind == BindMode::kStrict && !machine_.placed_all();
        const bool refused = code == ErrorCode::kOutOfMemory && machine_.refuses();
        NUMAPOOL_FUZZ_CHECK(limited || misplaced || refused, std::string("initialize: ") + to_string(code));
        return;
    }
    if (!pool.still()) return;
    for (const NodeStatistics& node : pool.tested->statistics().nodes) {
        if (node.interleaved_over.empty()) check_at_most("asked for and idle", bytes, node.idle_bytes);
    }
}

void PoolModel::check_placement(ModelPool& pool) {
    std::uint64_t pages = 0;
    for (const PlacementCheck& check : pool.tested->verify_placement()) {
        std::uint64_t known = 0;
        for (const auto& [node, count] : check.pages_on) known += count;
        check_equal("pages that lie somewhere", known, check.home + check.elsewhere);
        pages += known;
        if (machine_.placed_all() && pool.options.bind != BindMode::kNone && pool.options.numa_aware) {
            check_equal("pages that lie elsewhere", check.elsewhere, 0);
            check_equal("pages of which nothing is known", check.unknown, 0);
        }
    }
    // A page of zeros that was only read is resident, and lies nowhere.
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (pool.still() && machine_.placed_all())
        check_at_most("pages and resident bytes", pages * page_bytes, pool.tested->resident_bytes());
    // What was given back is gone; only a huge page may reach beyond what is in use.
    if (pool.still() && pool.options.huge_pages == HugePages::kNever && !machine_.refuses())
        check_at_most("resident bytes and usage", pool.tested->resident_bytes(),
                      pool.tested->statistics().memory_usage_bytes);
}

}  // namespace numapool::fuzz
