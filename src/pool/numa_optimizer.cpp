// Owns: NumaOptimizer: nodes and binding from the topology, figures from the pool.
// Must not know: arenas.
#include "numapool/numa_optimizer.h"

#include <cstring>
#include <string>

#include "pool/binding_stack.h"
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

void NumaOptimizer::bind_thread_to_node(int node) const { NodeBinding(node).keep(); }

void NumaOptimizer::unbind_thread() {
    detail::BindingStack* const stack = detail::BindingStack::of_this_thread();
    if (const int error = stack != nullptr ? stack->undo_kept() : 0; error != 0) {
        throw PlacementError(ErrorCode::kBindingRefused,
                             std::string("the system would not undo the thread's bindings (") +
                                 std::strerror(error) + "); the thread keeps them");
    }
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
