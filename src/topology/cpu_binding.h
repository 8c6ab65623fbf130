// Owns: which CPUs the calling thread may run on.
// Must not know: memory policies; hwloc's types.
#pragma once

#include <span>
#include <vector>

#include "numapool/topology.h"

namespace numapool::topology {

/// Lets the calling thread run only on those CPUs of `node` that `topology` lists. 0 if it now does; ENODEV
/// if there is no such node or it lists no CPUs; otherwise the errno value with which the system refused.
/// Unchanged on failure. `topology` should be older than the first binding (system_topology() is made for
/// that): one that is discovered while every thread is bound lists only the CPUs that they are bound to.
int bind_thread(const Topology& topology, int node) noexcept;

/// Lets the calling thread run only on `cpus`, for instance what current_cpus() told before a binding. As
/// above.
int bind_thread_to_cpus(std::span<const int> cpus) noexcept;

/// The CPUs that the calling thread may run on, ascending; empty if the system does not tell.
std::vector<int> current_cpus();

/// For fork.
void lock_binding() noexcept;
void unlock_binding() noexcept;

}  // namespace numapool::topology
