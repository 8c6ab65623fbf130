// Owns: a pool's figures as Python values: the C++ pool's, with what only Python knows (pending and reused
// arrays). Must not know: how the figures are counted.
#include <algorithm>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "numapool/numa_optimizer.h"
#include "numapool/page_map.h"

#include "block_owner.h"
#include "pool_object.h"

namespace numapool_python {
namespace {

namespace nb = nanobind;
using numapool::kTiers;
using numapool::NodeStatistics;
using numapool::Statistics;
using numapool::Tier;
using numapool::TierStatistics;

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

double share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// The node's figures that memory of `placement` counts under.
NodeStatistics* find_node(Statistics& statistics, const numapool::Placement& placement) {
    const std::vector<int> nodes = placement.nodes();
    for (NodeStatistics& node : statistics.nodes) {
        const bool interleaved = placement.kind() == numapool::Placement::Kind::kInterleave;
        if (interleaved ? node.interleaved_over == nodes && node.interleave_weights == placement.weights()
                        : node.interleaved_over.empty() && (nodes.empty() || node.node == nodes[0])) {
            return &node;
        }
    }
    return nullptr;
}

void add_reused(Statistics& statistics, PoolState& state) {
    for (const ReuseFigures& reused : state.figures()) {
        NodeStatistics* node = find_node(statistics, reused.placement);
        const bool refused = node != nullptr && node->placement_refused;
        for (std::size_t tier = 0; tier < kTiers; ++tier) {
            const std::uint64_t count = reused.allocations[tier];
            statistics.total_allocations += count;
            statistics.cache_hits += count;
            statistics.bytes_handed_out += reused.bytes[tier];
            statistics.bytes_reused += reused.bytes[tier];
            statistics.tiers[tier].allocations += count;
            if (node == nullptr) continue;
            node->tiers[tier].allocations += count;
            node->allocations += count;
            if (statistics.monitoring) node->local_allocations += count;
            if (refused) {
                node->fallback_allocations += count;
                statistics.fallback_allocations += count;
            }
        }
        if (node != nullptr && statistics.monitoring) node->local_allocations -= reused.remote;
    }
    statistics.bytes_requested += state.reused_requested_bytes();
}

void make_pending(TierStatistics& tier, std::uint64_t bytes) {
    const std::uint64_t moved = std::min(bytes, tier.live_bytes);
    tier.live_bytes -= moved;
    tier.pending_bytes += moved;
    tier.live_buffers -= std::min<std::uint64_t>(1, tier.live_buffers);
    ++tier.pending_buffers;
}

void add_pending(Statistics& statistics, PoolState& state) {
    state.pending().for_each([&](PyObject* held) {
        const Resolved found = resolve_owner(held);
        const BlockOwner* owner = found.owner;
        if (owner == nullptr) return;  // it lost its base, and with it the block
        const numapool::Placement& placement = state.figures()[owner->figures].placement;
        make_pending(statistics.tiers[owner->tier], owner->block_bytes);
        if (NodeStatistics* node = find_node(statistics, placement); node != nullptr) {
            make_pending(node->tiers[owner->tier], owner->block_bytes);
            const std::uint64_t moved = std::min<std::uint64_t>(owner->block_bytes, node->live_bytes);
            node->live_bytes -= moved;
            node->pending_bytes += moved;
        }
        const std::uint64_t moved = std::min<std::uint64_t>(owner->block_bytes, statistics.live_bytes);
        statistics.live_bytes -= moved;
        statistics.pending_bytes += moved;
        statistics.live_buffers -= std::min<std::uint64_t>(1, statistics.live_buffers);
        ++statistics.pending_buffers;
    });
}

nb::dict tiers_dict(const std::array<TierStatistics, kTiers>& tiers) {
    nb::dict result;
    for (std::size_t i = 0; i < kTiers; ++i) {
        const TierStatistics& tier = tiers[i];
        nb::dict entry;
        entry["allocations"] = tier.allocations;
        entry["live_buffers"] = tier.live_buffers;
        entry["live_bytes"] = tier.live_bytes;
        entry["pending_buffers"] = tier.pending_buffers;
        entry["pending_bytes"] = tier.pending_bytes;
        entry["idle_buffers"] = tier.idle_buffers;
        entry["idle_bytes"] = tier.idle_bytes;
        result[to_string(static_cast<Tier>(i))] = entry;
    }
    return result;
}

nb::tuple tuple_of(const std::vector<int>& numbers) {
    nb::list items;
    for (const int number : numbers) items.append(number);
    return nb::tuple(items);
}

/// The nodes; with weights, pairs of node and weight.
nb::tuple interleave_key(const NodeStatistics& node) {
    if (node.interleave_weights.empty()) return tuple_of(node.interleaved_over);
    nb::list pairs;
    for (std::size_t i = 0; i < node.interleaved_over.size(); ++i) {
        pairs.append(nb::make_tuple(node.interleaved_over[i], node.interleave_weights[i]));
    }
    return nb::tuple(pairs);
}

nb::dict node_dict(const NodeStatistics& node) {
    nb::dict entry;
    entry["allocations"] = node.allocations;
    entry["memory_usage_bytes"] = node.memory_usage_bytes;
    entry["memory_usage_mb"] = mebibytes(node.memory_usage_bytes);
    entry["live_bytes"] = node.live_bytes;
    entry["pending_bytes"] = node.pending_bytes;
    entry["idle_bytes"] = node.idle_bytes;
    entry["local_allocations"] = node.local_allocations;
    entry["local_access_ratio"] = share(node.local_allocations, node.allocations);
    entry["pages_looked_up"] = node.pages_looked_up;
    entry["pages_verified"] = node.pages_verified;
    entry["verified_ratio"] = node.verified_ratio;
    entry["fallback_allocations"] = node.fallback_allocations;
    entry["placement_refused"] = node.placement_refused;
    entry["tiers"] = tiers_dict(node.tiers);
    return entry;
}

}  // namespace

PyObject* statistics_dict(PoolState& state) {
    Statistics figures = state.pool().get_statistics();
    add_reused(figures, state);
    add_pending(figures, state);

    nb::dict result;
    result["name"] = figures.name;
    result["monitoring"] = figures.monitoring;
    result["disabled"] = figures.disabled;
    result["total_allocations"] = figures.total_allocations;
    result["cache_hits"] = figures.cache_hits;
    result["cache_hit_ratio"] = share(figures.cache_hits, figures.total_allocations);
    result["stitched"] = figures.stitched;
    result["bytes_requested"] = figures.bytes_requested;
    result["bytes_handed_out"] = figures.bytes_handed_out;
    result["bytes_reused"] = figures.bytes_reused;
    result["allocation_efficiency"] = share(figures.bytes_requested, figures.bytes_handed_out);
    result["buffer_reuse_ratio"] = share(figures.bytes_reused, figures.bytes_handed_out);
    result["memory_usage_bytes"] = figures.memory_usage_bytes;
    result["memory_usage_mb"] = mebibytes(figures.memory_usage_bytes);
    result["peak_memory_bytes"] = figures.peak_memory_bytes;
    result["peak_memory_mb"] = mebibytes(figures.peak_memory_bytes);
    result["live_buffers"] = figures.live_buffers;
    result["live_bytes"] = figures.live_bytes;
    result["pending_buffers"] = figures.pending_buffers;
    result["pending_bytes"] = figures.pending_bytes;
    result["idle_bytes"] = figures.idle_bytes;
    result["metadata_bytes"] = figures.metadata_bytes;
    result["auto_returns"] = figures.auto_returns;
    result["fallback_allocations"] = figures.fallback_allocations;
    result["fenced_allocations"] = figures.fenced_allocations;
    result["misuses"] = figures.misuses;
    const std::uint64_t page = std::max<std::uint64_t>(1, numapool::where(nullptr, 0).page_bytes);
    result["page_faults_avoided"] = figures.bytes_reused / page;
    nb::dict evictions;
    for (std::size_t i = 0; i < numapool::kEvictionCauses; ++i) {
        nb::dict entry;
        entry["events"] = figures.evictions[i].events;
        entry["bytes"] = figures.evictions[i].bytes;
        evictions[to_string(static_cast<numapool::EvictionCause>(i))] = entry;
    }
    result["evictions"] = evictions;
    result["tiers"] = tiers_dict(figures.tiers);
    nb::dict nodes;
    nb::dict interleaved;
    for (const int id : numapool::NumaOptimizer(state.pool()).get_numa_nodes()) {
        nodes[nb::int_(id)] = node_dict(NodeStatistics{});  // also those that nothing came from
    }
    for (const NodeStatistics& node : figures.nodes) {
        if (node.interleaved_over.empty()) {
            nodes[nb::int_(node.node)] = node_dict(node);
        } else {
            interleaved[interleave_key(node)] = node_dict(node);
        }
    }
    result["nodes"] = nodes;
    result["interleaved"] = interleaved;
    return result.release().ptr();
}

PyObject* placement_checks_list(const std::vector<numapool::PlacementCheck>& checks) {
    nb::list result;
    for (const numapool::PlacementCheck& check : checks) {
        nb::dict pages_on;
        for (const auto& [node, pages] : check.pages_on) pages_on[nb::int_(node)] = pages;
        nb::dict entry;
        entry["node"] = check.node;
        entry["interleaved_over"] = tuple_of(check.interleaved_over);
        entry["interleave_weights"] = tuple_of(check.interleave_weights);
        entry["pages_on"] = pages_on;
        entry["home"] = check.home;
        entry["elsewhere"] = check.elsewhere;
        entry["unknown"] = check.unknown;
        result.append(entry);
    }
    return result.release().ptr();
}

}  // namespace numapool_python
