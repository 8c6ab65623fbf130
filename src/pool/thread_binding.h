// Owns: how a thread is bound to a node within what a launcher left, and the words for what was respected.
// Must not know: pools; who undoes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "topology/launch.h"

namespace numapool::detail {

struct BoundThread {
    std::uint64_t id = 0;  ///< in the thread's BindingStack
    std::vector<int> cpus;
    std::string note;
};

/// Binds the calling thread as NodeBinding's constructor says, and throws as it does.
BoundThread bind_calling_thread(int node, const topology::Launch& launch);

}  // namespace numapool::detail
