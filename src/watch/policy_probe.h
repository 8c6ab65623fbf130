// Owns: trying the calls that place memory and threads, on each node.
// Must not know: what the outcomes mean to a pool or a user.
#pragma once

#include <optional>
#include <vector>

#include "numapool/topology.h"

#include "os/memory_policy.h"

namespace numapool::watch {

/// What came of one call: 0 or an errno; nothing if it was not tried.
using Outcome = std::optional<int>;

/// What came of the trials on one node that this process may take memory from.
struct NodeTrial {
    int node = 0;
    Outcome map;            ///< of the page that the others need
    Outcome mbind;          ///< prefers the node for that page, before it is touched
    Outcome move_pages;     ///< looks the page up
    Outcome get_mempolicy;  ///< looks the page up too
    int lies_on = -1;       ///< where the page is after its first touch; -1 if neither look-up tells
    Outcome set_mempolicy;  ///< prefers the node for the thread
    Outcome set_affinity;   ///< binds the thread to the node's CPUs; nothing where the node has none
};

struct PolicyProbe {
    Outcome thread;                  ///< of starting the thread that tries; the rest of `nodes` is empty then
    std::vector<NodeTrial> nodes;    ///< in the topology's order
    Outcome policy_read;             ///< of reading the calling thread's policy
    os::ThreadPolicy thread_policy;  ///< the calling thread's; default if it could not be read
    std::vector<int> thread_cpus;    ///< those that the calling thread may run on; empty if unknown
};

/// Tries everything on every node of `topology` that is allowed and has memory. The trials run on a thread
/// that ends with them: nothing of the calling thread changes. Throws for want of memory only.
PolicyProbe probe_policies(const Topology& topology);

}  // namespace numapool::watch
