// Owns: what whoever started this process left to it: CPUs, nodes and a memory policy.
// Must not know: what threads make of it later.
#pragma once

#include <map>
#include <vector>

#include "numapool/topology.h"

#include "os/memory_policy.h"

namespace numapool::topology {

/// What a launcher (taskset, numactl, mpirun, a container's cpuset) left to this process. What the program
/// did to itself before the first look counts as the launcher's.
struct Launch {
    Topology machine;  ///< a node's cpus are those that were left to the process
    /// Node to all of its CPUs, left or not, ascending; without nodes of which that is not known.
    std::map<int, std::vector<int>> all_cpus;
    os::ThreadPolicy policy;  ///< of the thread that looked first; the default one if that is not known
};

/// As of the first call of this or of system_topology(). Lives until the process ends. Any thread.
const Launch& system_launch();
/// For fork.
void lock_launch() noexcept;
void unlock_launch() noexcept;

}  // namespace numapool::topology
