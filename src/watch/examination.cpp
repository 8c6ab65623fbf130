// Owns: all that a diagnosis looks at, read and tried once.
// Must not know: what is good or bad about it.
#include "watch/examination.h"

#include <atomic>

#include "os/system_calls.h"

namespace numapool::watch {

Examination examine(const std::string& root, const Topology& topology) {
    Examination seen;
    seen.topology = topology;
    seen.kernel = read_kernel_settings(root);
    seen.limit = pressure::read_memory_limit(root);
    seen.policies = probe_policies(topology);
    seen.memory = probe_memory(seen.kernel.huge_page_bytes);
    // Relaxed: written before the threads that read it start.
    seen.node_from_rseq = os::rseq_node_offset.load(std::memory_order_relaxed) != 0;
    for (const NodeTrial& trial : seen.policies.nodes) seen.nodes.push_back(trial.node);
    return seen;
}

}  // namespace numapool::watch
