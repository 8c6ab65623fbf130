// Owns: checks of binding a thread to a node, and of undoing it.
// Must not know: hwloc.
#include "topology/cpu_binding.h"

#include <cerrno>
#include <thread>

#include <gtest/gtest.h>

#include "topology/discovery.h"

namespace numapool::topology {
namespace {

using Ids = std::vector<int>;

// A machine with one node for each CPU that the thread may run on, numbered from 10, and one node without
// CPUs.
Topology node_per_cpu(const Ids& cpus) {
    Topology machine;
    int id = 10;
    for (const int cpu : cpus) {
        NumaNode node;
        node.id = id++;
        node.cpus = {cpu};
        machine.nodes.push_back(node);
    }
    NumaNode without_cpus;
    without_cpus.id = id;
    machine.nodes.push_back(without_cpus);
    return machine;
}

// Binds a thread of its own, so that the test program's threads stay as they were.
template <class Body>
void on_new_thread(Body body) {
    std::thread thread(body);
    thread.join();
}

TEST(BindThread, ConfinesTheThreadAndCanBeUndone) {
    on_new_thread([] {
        const Ids before = current_cpus();
        ASSERT_FALSE(before.empty());
        const Topology machine = node_per_cpu(before);
        for (std::size_t i = 0; i < before.size(); ++i) {
            ASSERT_EQ(bind_thread(machine, 10 + static_cast<int>(i)), 0);
            EXPECT_EQ(current_cpus(), Ids{before[i]});
        }
        ASSERT_EQ(bind_thread_to_cpus(before), 0);
        EXPECT_EQ(current_cpus(), before);
    });
}

TEST(BindThread, ReachesEveryUsableNodeOfTheRunningMachine) {
    on_new_thread([] {
        for (const NumaNode& node : system_topology().nodes) {
            if (node.cpus.empty()) continue;
            EXPECT_EQ(bind_thread(system_topology(), node.id), 0);
            EXPECT_EQ(current_cpus(), node.cpus);
        }
    });
}

TEST(BindThread, LeavesOtherThreadsAlone) {
    const Ids before = current_cpus();
    on_new_thread([&] { EXPECT_EQ(bind_thread_to_cpus(Ids{before.front()}), 0); });
    EXPECT_EQ(current_cpus(), before);
}

TEST(BindThread, RefusesNodesThatHaveNoCpusOrDoNotExist) {
    const Ids before = current_cpus();
    const Topology machine = node_per_cpu(before);
    EXPECT_EQ(bind_thread(machine, machine.nodes.back().id), ENODEV);
    EXPECT_EQ(bind_thread(machine, 9999), ENODEV);
    EXPECT_EQ(bind_thread(machine, -1), ENODEV);
    EXPECT_EQ(bind_thread_to_cpus({}), ENODEV);
    EXPECT_EQ(bind_thread_to_cpus(Ids{-1}), EINVAL);
    EXPECT_EQ(bind_thread_to_cpus(Ids{1 << 19}), EINVAL);
    EXPECT_EQ(current_cpus(), before);
}

TEST(BindThread, IsSeenByALaterDiscovery) {
    const Ids before = current_cpus();
    ASSERT_EQ(bind_thread_to_cpus(Ids{before.front()}), 0);
    Ids seen;
    for (const NumaNode& node : discover_topology().nodes)
        seen.insert(seen.end(), node.cpus.begin(), node.cpus.end());
    EXPECT_EQ(bind_thread_to_cpus(before), 0);
    EXPECT_EQ(seen, Ids{before.front()});
}

}  // namespace
}  // namespace numapool::topology
