// Owns: how hwloc's answers and the kernel's text files become a Topology.
// Must not know: hwloc's types; what the pool does with a Topology.
#include "topology/discovery.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "numapool/errors.h"

#include "os/memory_policy.h"
#include "topology/hwloc_topology.h"
#include "topology/launch.h"
#include "topology/node_files.h"

namespace numapool {
namespace topology {
namespace {

bool contains(const std::vector<int>& ids, int id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// hwloc hands the CPUs of the nearest node to a node that has none (CXL memory, high-bandwidth memory). A
// thread on them is local to one node only: the one that the kernel names, else the first.
void give_each_cpu_one_node(std::vector<NumaNode>& nodes, const std::string* root) {
    std::set<int> taken;
    for (NumaNode& node : nodes) {
        const std::optional<std::vector<int>> own =
            root != nullptr ? read_node_cpus(*root, node.id) : std::nullopt;
        std::erase_if(node.cpus,
                      [&](int cpu) { return (own && !contains(*own, cpu)) || !taken.insert(cpu).second; });
    }
}

void add_memory_figures(std::vector<NumaNode>& nodes, const std::string& root) {
    for (NumaNode& node : nodes) {
        if (const auto memory = read_node_memory(root, node.id)) {
            node.total_bytes = memory->total_bytes;
            node.free_bytes = memory->free_bytes;
        }
        if (const auto huge_pages = read_node_huge_pages(root, node.id)) {
            node.huge_pages_total = huge_pages->total;
            node.huge_pages_free = huge_pages->free;
        } else if (const auto all = nodes.size() == 1 ? read_machine_huge_pages(root) : std::nullopt) {
            node.huge_pages_total = all->total;
            node.huge_pages_free = all->free;
        }
    }
    if (nodes.size() != 1) return;
    // A sole node has all of the memory. Kernels without NUMA say so only here, and kernels of virtual
    // machines that grew since boot may leave what was added out of the node's own figures.
    const auto memory = read_machine_memory(root);
    if (memory && memory->total_bytes > nodes[0].total_bytes) {
        nodes[0].total_bytes = memory->total_bytes;
        nodes[0].free_bytes = memory->free_bytes;
    } else if (memory && nodes[0].free_bytes == 0) {
        nodes[0].free_bytes = std::min(memory->free_bytes, nodes[0].total_bytes);
    }
}

void mark_allowed(std::vector<NumaNode>& nodes, const std::string& root) {
    if (const std::optional<std::vector<int>> allowed = read_allowed_nodes(root)) {
        for (NumaNode& node : nodes) node.allowed = node.allowed && contains(*allowed, node.id);
    }
    // Whoever started the process with numactl --membind meant all of its memory; a range's own policy, as
    // arenas set it, would pass that by.
    os::ThreadPolicy policy;
    if (os::get_thread_policy(policy) == 0 && policy.confines()) {
        for (NumaNode& node : nodes) node.allowed = node.allowed && policy.nodes.has(node.id);
    }
}

std::vector<int> ids_of(const std::vector<NumaNode>& nodes) {
    std::vector<int> ids;
    ids.reserve(nodes.size());
    for (const NumaNode& node : nodes) ids.push_back(node.id);
    return ids;
}

Topology from_hwloc(const HwlocTopology& machine) {
    Topology topology;
    topology.nodes = machine.nodes();
    topology.distances = machine.distances(topology.nodes);
    topology.page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    topology.transparent_huge_pages = "unavailable";
    topology.source = hwloc_name();
    return topology;
}

Topology one_node(const std::string& root) {
    Topology topology;
    topology.nodes.resize(1);
    topology.nodes[0].cpus = read_allowed_cpus(root).value_or(std::vector<int>{});
    topology.page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    topology.source = "/proc (hwloc failed)";
    return topology;
}

void add_file_figures(Topology& topology, const std::string& root) {
    add_memory_figures(topology.nodes, root);
    mark_allowed(topology.nodes, root);
    if (topology.distances.empty()) topology.distances = read_distances(root, ids_of(topology.nodes));
    const TransparentHugePages huge_pages = read_transparent_huge_pages(root);
    topology.transparent_huge_pages = huge_pages.mode;
    topology.huge_page_bytes = huge_pages.page_bytes;
}

}  // namespace

Topology discover(const std::string& root, bool* this_machine) {
    const std::optional<HwlocTopology> machine = HwlocTopology::load_machine();
    const bool hwloc_knows = machine && !machine->nodes().empty();
    Topology topology = hwloc_knows ? from_hwloc(*machine) : one_node(root);
    const bool files_fit = !hwloc_knows || machine->is_this_machine() || !root.empty();
    if (this_machine != nullptr) *this_machine = files_fit;
    give_each_cpu_one_node(topology.nodes, files_fit ? &root : nullptr);
    if (files_fit) {
        add_file_figures(topology, root);
    } else {
        topology.source += ", not this machine but the one that hwloc's environment variables name";
    }
    return topology;
}

const Topology& system_topology() { return system_launch().machine; }

}  // namespace topology

Topology discover_topology() { return topology::discover(""); }

Topology synthetic_topology(const std::string& description) {
    const auto machine = topology::HwlocTopology::load_described(description);
    if (!machine) {
        throw ArgumentError(
            ErrorCode::kInvalidOption,
            "the machine description \"" + description +
                "\" cannot be read; hwloc's synthetic syntax is needed, from the nodes down to the "
                "CPUs (pu), for instance \"numa:4 core:2 pu:1\"");
    }
    Topology topology = topology::from_hwloc(*machine);
    topology::give_each_cpu_one_node(topology.nodes, nullptr);
    topology.source += ", synthetic";
    return topology;
}

}  // namespace numapool
