// Owns: what is told of nodes, of those that this process may use, and of what its launcher bound it to.
// Must not know: how any of it was learnt.
#pragma once

#include <vector>

#include "numapool/diagnosis.h"

#include "watch/examination.h"

namespace numapool::watch {

/// Adds "nodes", "distances" (where there are several nodes), "allowed nodes", "cpus", "thread policy".
void add_node_findings(const Examination& seen, std::vector<Finding>& findings);

}  // namespace numapool::watch
