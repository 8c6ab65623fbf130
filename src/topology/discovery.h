// Owns: how hwloc's answers and the kernel's text files become a Topology.
// Must not know: hwloc's types; what the pool does with a Topology.
#pragma once

#include <string>

#include "numapool/topology.h"

namespace numapool::topology {

/// As numapool::discover_topology(), with the path that stands before "/sys" and "/proc", empty for the
/// running machine. hwloc itself does not know `root`; it has HWLOC_FSROOT in the environment for that.
/// `this_machine`, if given, is set to whether what was found is the machine that `root` describes, not one
/// that hwloc's environment variables put in its place.
Topology discover(const std::string& root, bool* this_machine = nullptr);

/// The running machine as it was at the first call (see launch.h). Lives until the process ends. Any thread.
const Topology& system_topology();

}  // namespace numapool::topology
