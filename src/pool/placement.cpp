// Owns: Placement's out-of-line parts and the table of interleave sets.
// Must not know: pools.
#include "numapool/placement.h"

#include <array>
#include <mutex>
#include <string>

#include "numapool/errors.h"

#include "pool/interleave_sets.h"

namespace numapool {
namespace {

constinit std::mutex sets_mutex;
constinit std::array<os::NodeMask, detail::kMaxInterleaveSets> sets{};
constinit int set_count = 0;

}  // namespace

namespace detail {

// A set's number reaches a reader only after the set was written under the lock, and sets never change.
const os::NodeMask& interleave_nodes_of(int set) noexcept { return sets[static_cast<std::size_t>(set)]; }
void lock_interleave_sets() noexcept { sets_mutex.lock(); }
void unlock_interleave_sets() noexcept { sets_mutex.unlock(); }

}  // namespace detail

Placement Placement::interleave(std::span<const int> nodes) {
    if (nodes.empty())
        throw ArgumentError(ErrorCode::kInvalidNode, "no nodes to interleave over; at least one is needed");
    os::NodeMask mask;
    bool several = false;
    for (const int node : nodes) {
        if (node < 0 || node >= os::NodeMask::kMaxNodes) {
            throw ArgumentError(ErrorCode::kInvalidNode, "node " + std::to_string(node) +
                                                             " to interleave over; nodes are numbered 0 to " +
                                                             std::to_string(os::NodeMask::kMaxNodes - 1));
        }
        mask.add(node);
        several |= node != nodes[0];
    }
    if (!several) return on_node(nodes[0]);
    const std::lock_guard lock(sets_mutex);
    int set = 0;
    while (set < set_count && !(sets[static_cast<std::size_t>(set)] == mask)) ++set;
    if (set == detail::kMaxInterleaveSets) {
        throw ArgumentError(ErrorCode::kInvalidNode,
                            "a new set of nodes to interleave over; a process can use " +
                                std::to_string(detail::kMaxInterleaveSets) +
                                " distinct ones, and all are taken");
    }
    if (set == set_count) sets[static_cast<std::size_t>(set_count++)] = mask;
    return {Kind::kInterleave, set};
}

std::vector<int> Placement::nodes() const {
    std::vector<int> result;
    if (kind_ == Kind::kNode) result.push_back(value_);
    if (kind_ == Kind::kInterleave) {
        const os::NodeMask& mask = detail::interleave_nodes_of(value_);
        for (int node = 0; node < os::NodeMask::kMaxNodes; ++node) {
            if (mask.has(node)) result.push_back(node);
        }
    }
    return result;
}

}  // namespace numapool
