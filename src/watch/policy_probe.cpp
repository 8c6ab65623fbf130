// Owns: trying the calls that place memory and threads, on each node.
// Must not know: what the outcomes mean to a pool or a user.
#include "watch/policy_probe.h"

#include <system_error>
#include <thread>

#include "os/trial_memory.h"
#include "os/virtual_memory.h"
#include "topology/cpu_binding.h"

namespace numapool::watch {
namespace {

void try_page(NodeTrial& trial) noexcept {
    os::TrialMemory page(os::page_bytes(), os::page_bytes());
    trial.map = page.error();
    if (page.error() != 0) return;
    trial.mbind = os::prefer_node(page.address(), page.bytes(), trial.node);
    page.touch();
    trial.get_mempolicy = os::locate_by_get_mempolicy(page.address(), trial.lies_on);
    trial.move_pages = os::locate_by_move_pages(page.address(), trial.lies_on);
}

void try_node(NodeTrial& trial, const Topology& topology) noexcept {
    try_page(trial);
    trial.set_mempolicy = os::prefer_node_for_thread(trial.node);
    const NumaNode* const node = topology.find(trial.node);
    if (!node->cpus.empty()) trial.set_affinity = topology::bind_thread(topology, trial.node);
}

}  // namespace

PolicyProbe probe_policies(const Topology& topology) {
    PolicyProbe probe;
    probe.policy_read = os::get_thread_policy(probe.thread_policy);
    probe.thread_cpus = topology::current_cpus();
    for (const NumaNode& node : topology.nodes) {
        const bool usable = node.allowed && node.total_bytes != 0;
        if (usable && node.id >= 0 && node.id < os::NodeMask::kMaxNodes)
            probe.nodes.emplace_back().node = node.id;
    }
    try {
        std::thread trier([&]() noexcept {
            for (NodeTrial& trial : probe.nodes) try_node(trial, topology);
        });
        trier.join();
        probe.thread = 0;
    } catch (const std::system_error& error) {
        probe.thread = error.code().value();
    }
    return probe;
}

}  // namespace numapool::watch
