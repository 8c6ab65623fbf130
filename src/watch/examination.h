// Owns: all that a diagnosis looks at, read and tried once.
// Must not know: what is good or bad about it.
#pragma once

#include <string>
#include <vector>

#include "numapool/topology.h"

#include "pressure/memory_limit.h"
#include "watch/kernel_settings.h"
#include "watch/memory_probe.h"
#include "watch/policy_probe.h"

namespace numapool::watch {

struct Examination {
    Topology topology;
    PolicyProbe policies;
    MemoryProbe memory;
    KernelSettings kernel;
    pressure::MemoryLimit limit;
    bool node_from_rseq = false;  ///< the current node is read from the thread's own storage
    std::vector<int> nodes;       ///< those that a pool can use: allowed, with memory

    bool one_node() const noexcept { return nodes.size() < 2; }
    /// The trial on `node`; null if there was none.
    const NodeTrial* find_trial(int node) const noexcept {
        for (const NodeTrial& trial : policies.nodes) {
            if (trial.node == node) return &trial;
        }
        return nullptr;
    }
};

/// Files are read below `root` (see topology::discover); calls are tried on the system in use, on the nodes
/// of `topology`. Throws for want of memory only.
Examination examine(const std::string& root, const Topology& topology);

}  // namespace numapool::watch
