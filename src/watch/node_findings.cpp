// Owns: what is told of nodes, of those that this process may use, and of what its launcher bound it to.
// Must not know: how any of it was learnt.
#include "watch/node_findings.h"

#include <algorithm>
#include <string>

#include "os/trial_memory.h"
#include "watch/wording.h"

namespace numapool::watch {
namespace {

std::string node_line(const NumaNode& node) {
    return std::to_string(node.id) + " (" + bytes_text(node.total_bytes) + ", " +
           bytes_text(node.free_bytes) + " free, CPUs " + ranges_text(node.cpus) + ")";
}

Finding find_nodes(const Examination& seen) {
    std::string list;
    for (const NumaNode& node : seen.topology.nodes) list += (list.empty() ? "" : ", ") + node_line(node);
    const std::size_t count = seen.topology.nodes.size();
    list = std::to_string(count) + (count == 1 ? " node: " : " nodes: ") + list;
    if (!seen.topology.source.empty()) list += "; from " + seen.topology.source;
    if (!seen.kernel.numa) {
        return {
            "nodes", FindingState::kLimited,
            list + "; the kernel lists none in /sys/devices/system/node, so all memory counts as one node",
            "where the machine has several nodes: mount /sys, or boot a kernel built with CONFIG_NUMA=y"};
    }
    if (count == 1) list += "; nothing to choose";
    return {"nodes", FindingState::kGood, list, ""};
}

Finding find_distances(const Topology& topology) {
    if (topology.distances.empty()) {
        return {"distances", FindingState::kNote, "unknown; all other nodes count as equally far", ""};
    }
    std::string rows;
    for (std::size_t i = 0; i < topology.distances.size() && i < topology.nodes.size(); ++i) {
        rows += (i == 0 ? "from " : "; from ") + std::to_string(topology.nodes[i].id) + ":";
        for (const std::uint64_t distance : topology.distances[i]) rows += " " + std::to_string(distance);
    }
    return {"distances", FindingState::kGood, rows + " (10 = local)", ""};
}

Finding find_allowed_nodes(const Topology& topology) {
    std::vector<int> allowed;
    std::vector<int> barred;
    std::vector<int> empty;
    for (const NumaNode& node : topology.nodes) {
        (node.total_bytes == 0 ? empty : node.allowed ? allowed : barred).push_back(node.id);
    }
    std::string found = nodes_text(allowed);
    if (!empty.empty()) found += "; " + nodes_text(empty) + " without memory";
    if (barred.empty()) return {"allowed nodes", FindingState::kGood, found, ""};
    return {
        "allowed nodes", FindingState::kLimited,
        found + "; memory of " + nodes_text(barred) + " is outside this process's cpuset",
        "widen the cpuset: docker run --cpuset-mems, systemd AllowedMemoryNodes=, or the Kubernetes memory "
        "manager's policy, with " +
            nodes_text(barred)};
}

// The usable nodes on whose CPUs this process's calling thread may not run.
std::vector<int> nodes_out_of_reach(const Examination& seen) {
    std::vector<int> result;
    for (const NumaNode& node : seen.topology.nodes) {
        const auto reachable = [&](int cpu) {
            return std::binary_search(seen.policies.thread_cpus.begin(), seen.policies.thread_cpus.end(),
                                      cpu);
        };
        const bool has_cpus = !node.cpus.empty() || !seen.one_node();
        if (seen.find_trial(node.id) != nullptr && has_cpus &&
            std::none_of(node.cpus.begin(), node.cpus.end(), reachable)) {
            result.push_back(node.id);
        }
    }
    return result;
}

Finding find_cpus(const Examination& seen) {
    const std::vector<int>& mine = seen.policies.thread_cpus;
    if (mine.empty())
        return {"cpus", FindingState::kNote, "the system does not tell which CPUs are allowed", ""};
    const std::vector<int>& online = seen.kernel.online_cpus ? *seen.kernel.online_cpus : mine;
    std::string found = ranges_text(mine) + " of " + ranges_text(online);
    if (mine.size() >= online.size()) return {"cpus", FindingState::kGood, found, ""};
    // Without a readable control group a launcher and a container look alike.
    const bool by_group = seen.kernel.cpuset_cpus && *seen.kernel.cpuset_cpus == mine;
    const bool by_launcher = seen.kernel.cpuset_cpus && seen.kernel.cpuset_cpus->size() > mine.size();
    found += by_group      ? ", by the cpuset of its control group"
             : by_launcher ? ", bound by a launcher (taskset, numactl) or a parent process"
                           : ", by a launcher (taskset, numactl) or its container";
    const std::vector<int> far = nodes_out_of_reach(seen);
    if (far.empty()) return {"cpus", FindingState::kNote, found, ""};
    return {
        "cpus", FindingState::kLimited,
        found + "; no thread runs on " + nodes_text(far) + ", memory comes from there only when it is named",
        by_group ? "docker run --cpuset-cpus with CPUs of " + nodes_text(far)
                 : "start it without taskset or numactl --cpunodebind, or with CPUs of " + nodes_text(far)};
}

Finding find_thread_policy(const Examination& seen) {
    const PolicyProbe& probe = seen.policies;
    if (probe.policy_read.value_or(0) != 0) {
        return {"thread policy", FindingState::kNote,
                "unknown: get_mempolicy says " + error_text(*probe.policy_read), ""};
    }
    const std::string name = probe.thread_policy.name();
    const std::vector<int> nodes = probe.thread_policy.nodes.list();
    if (name == "default")
        return {"thread policy", FindingState::kGood, "default: memory lies where it is first touched", ""};
    return {"thread policy", FindingState::kNote,
            name + (nodes.empty() ? "" : " on " + nodes_text(nodes)) +
                ", set by a launcher (numactl) or a parent process; pools place their memory by themselves, "
                "with bind \"none\" it follows this policy",
            "start it without numactl if pools are to place memory alone"};
}

}  // namespace

void add_node_findings(const Examination& seen, std::vector<Finding>& findings) {
    findings.push_back(find_nodes(seen));
    if (seen.topology.nodes.size() > 1) findings.push_back(find_distances(seen.topology));
    findings.push_back(find_allowed_nodes(seen.topology));
    findings.push_back(find_cpus(seen));
    findings.push_back(find_thread_policy(seen));
}

}  // namespace numapool::watch
