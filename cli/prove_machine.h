// Owns: the machine as `numapool prove` describes it, so that its figures can be judged elsewhere.
// Must not know: what is measured on it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "numapool/topology.h"

namespace numapool_cli {

struct ProveMachine {
    numapool::Topology topology;
    std::vector<int> cpu_nodes;     ///< those that threads are bound to, ascending
    std::vector<int> memory_nodes;  ///< those that memory is asked for on, ascending
    std::string cpu_model;
    std::string kernel;
    std::string c_library;
    bool virtual_machine = false;                ///< as the CPU says of itself
    std::uint64_t last_level_cache_bytes = 0;    ///< of the first CPU; 0 if unknown
    std::map<std::string, std::string> setting;  ///< the environment variables that allocators listen to

    std::size_t page_bytes() const { return topology.page_bytes; }
    std::size_t cpus_of(int node) const;
};

/// This machine as the process was started on it, confined to the nodes of `only` unless that is empty.
/// Throws numapool::ArgumentError (kInvalidNode) for a node that the process cannot use.
ProveMachine look_at_machine(const std::vector<int>& only);

/// How many bytes a test may take on each of `nodes` at this moment: `share` of what is free on the node
/// that has least.
std::uint64_t room_on(const std::vector<int>& nodes, double share);

}  // namespace numapool_cli
