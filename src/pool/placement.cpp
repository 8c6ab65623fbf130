// Owns: Placement's out-of-line parts and the table of interleave sets.
// Must not know: pools.
#include "numapool/placement.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <numeric>
#include <string>

#include "numapool/errors.h"

#include "base/held_locks.h"
#include "pool/interleave_sets.h"

namespace numapool {
namespace {

using detail::InterleaveSet;

constexpr int kMaxWeight = 255;

constinit base::Mutex sets_mutex;
constinit std::array<InterleaveSet, detail::kMaxInterleaveSets> sets{};
constinit int set_count = 0;

void check_nodes(std::span<const int> nodes) {
    if (nodes.empty())
        throw ArgumentError(ErrorCode::kInvalidNode, "no nodes to interleave over; at least one is needed");
    for (const int node : nodes) {
        if (node >= 0 && node < os::NodeMask::kMaxNodes) continue;
        throw ArgumentError(ErrorCode::kInvalidNode, "node " + std::to_string(node) +
                                                         " to interleave over; nodes are numbered 0 to " +
                                                         std::to_string(os::NodeMask::kMaxNodes - 1));
    }
}

std::map<int, int> weights_of(std::span<const int> nodes, std::span<const int> weights) {
    const auto refuse = [](const std::string& what) { throw ArgumentError(ErrorCode::kInvalidOption, what); };
    if (weights.size() != nodes.size()) {
        refuse(std::to_string(weights.size()) + " weights for " + std::to_string(nodes.size()) +
               " nodes; one for each is needed");
    }
    std::map<int, int> weight_of;
    int common = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (weights[i] < 1 || weights[i] > kMaxWeight) {
            refuse("weight " + std::to_string(weights[i]) + "; 1 to " + std::to_string(kMaxWeight) +
                   " are possible");
        }
        if (!weight_of.emplace(nodes[i], weights[i]).second) {
            refuse("node " + std::to_string(nodes[i]) + " has two weights; name each node once");
        }
        common = std::gcd(common, weights[i]);
    }
    for (auto& [node, weight] : weight_of) weight /= common;
    return weight_of;
}

InterleaveSet make_set(std::span<const int> nodes, std::span<const int> weights) {
    InterleaveSet set;
    for (const int node : nodes) set.nodes.add(node);
    if (weights.empty()) return set;
    const std::map<int, int> weight_of = weights_of(nodes, weights);
    const auto weighs_one = [](const auto& entry) { return entry.second == 1; };
    if (std::all_of(weight_of.begin(), weight_of.end(), weighs_one)) return set;
    for (const auto& [node, weight] : weight_of) {
        if (set.granule_count + static_cast<std::size_t>(weight) > set.granules.size()) {
            throw ArgumentError(ErrorCode::kInvalidOption,
                                "the weights add up to more than " + std::to_string(set.granules.size()) +
                                    " after division by what they have in common; round them");
        }
        for (int i = 0; i < weight; ++i) set.granules[set.granule_count++] = static_cast<std::int16_t>(node);
    }
    return set;
}

}  // namespace

namespace detail {

// A set's number reaches a reader only after the set was written under the lock, and sets never change.
const InterleaveSet& interleave_set(int set) noexcept { return sets[static_cast<std::size_t>(set)]; }
void lock_interleave_sets() noexcept { sets_mutex.lock(); }
void unlock_interleave_sets() noexcept { sets_mutex.unlock(); }

}  // namespace detail

int current_node() noexcept { return os::current_node(); }

Placement Placement::interleave(std::span<const int> nodes, std::span<const int> weights) {
    check_nodes(nodes);
    const InterleaveSet wanted = make_set(nodes, weights);
    if (std::all_of(nodes.begin(), nodes.end(), [&](int node) { return node == nodes[0]; }))
        return on_node(nodes[0]);
    const std::lock_guard lock(sets_mutex);
    int set = 0;
    while (set < set_count && !(sets[static_cast<std::size_t>(set)] == wanted)) ++set;
    if (set == detail::kMaxInterleaveSets) {
        throw ArgumentError(ErrorCode::kInvalidNode,
                            "a new set of nodes to interleave over; a process can use " +
                                std::to_string(detail::kMaxInterleaveSets) +
                                " distinct ones, and all are taken");
    }
    if (set == set_count) sets[static_cast<std::size_t>(set_count++)] = wanted;
    return {Kind::kInterleave, set};
}

std::vector<int> Placement::nodes() const {
    if (kind_ == Kind::kInterleave) return detail::interleave_set(value_).nodes.list();
    return kind_ == Kind::kNode ? std::vector{value_} : std::vector<int>{};
}

std::vector<int> Placement::weights() const {
    std::vector<int> result;
    if (kind_ != Kind::kInterleave) return result;
    const std::span<const std::int16_t> round = detail::interleave_set(value_).round();
    if (round.empty()) return result;
    for (const int node : nodes()) {
        result.push_back(static_cast<int>(std::count(round.begin(), round.end(), node)));
    }
    return result;
}

}  // namespace numapool
