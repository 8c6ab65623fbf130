// Owns: NumaOptimizer: nodes and binding from the topology, figures from the pool.
// Must not know: arenas.
#include "numapool/numa_optimizer.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "topology/cpu_binding.h"
#include "topology/discovery.h"

namespace numapool {

std::vector<int> NumaOptimizer::get_numa_nodes() const {
    std::vector<int> nodes;
    for (const NumaNode& node : topology::system_topology().nodes) {
        if (node.allowed && node.total_bytes != 0 && !node.cpus.empty()) nodes.push_back(node.id);
    }
    // A process kept off all CPUs of all nodes with memory still runs somewhere and gets memory from
    // somewhere.
    if (nodes.empty()) nodes.push_back(topology::system_topology().nodes[0].id);
    return nodes;
}

void NumaOptimizer::bind_thread_to_node(int node) const {
    const int error = topology::bind_thread(topology::system_topology(), node);
    if (error == 0) return;
    if (error == ENODEV) {
        std::string possible;
        for (const int known : get_numa_nodes())
            possible += (possible.empty() ? "" : ", ") + std::to_string(known);
        throw ArgumentError(
            ErrorCode::kInvalidNode,
            "node " + std::to_string(node) + " has no CPUs that this process may use; possible: " + possible);
    }
    throw PlacementError(ErrorCode::kBindingRefused, "the system would not bind the thread to node " +
                                                         std::to_string(node) + " (" + std::strerror(error) +
                                                         "); sched_setaffinity must be allowed");
}

std::map<int, NodeStatistics> NumaOptimizer::get_numa_statistics() const {
    std::map<int, NodeStatistics> result;
    for (const int node : get_numa_nodes()) result[node].node = node;
    for (const NodeStatistics& node : pool_->get_statistics().nodes) {
        if (node.interleaved_over.empty()) result[node.node] = node;
    }
    return result;
}

}  // namespace numapool
