// Owns: checks of whole machines: the running one, and made-up ones that have what the running one lacks.
// Must not know: which files are read.
#include "topology/discovery.h"

#include <linux/mempolicy.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "made_up_machine.h"
#include "os/memory_policy.h"

namespace numapool::topology {
namespace {

using Ids = std::vector<int>;
using Matrix = std::vector<std::vector<std::uint64_t>>;

Topology discover_made_up(const MadeUpMachine& machine) {
    const HwlocLooksBelow guard(machine.root());
    return discover(machine.root());
}

TEST(RunningMachine, HasNodesThatMakeSense) {
    const Topology machine = discover_topology();
    ASSERT_FALSE(machine.nodes.empty());
    std::size_t cpus = 0;
    for (std::size_t i = 0; i < machine.nodes.size(); ++i) {
        const NumaNode& node = machine.nodes[i];
        EXPECT_GT(node.id, i == 0 ? -1 : machine.nodes[i - 1].id);
        EXPECT_TRUE(std::is_sorted(node.cpus.begin(), node.cpus.end()));
        EXPECT_LE(node.free_bytes, node.total_bytes);
        EXPECT_LE(node.huge_pages_free, node.huge_pages_total);
        cpus += node.cpus.size();
    }
    EXPECT_GE(cpus, 1U);
    EXPECT_TRUE(std::any_of(machine.nodes.begin(), machine.nodes.end(),
                            [](const NumaNode& node) { return node.allowed && node.free_bytes > 0; }));
    for (const auto& row : machine.distances) EXPECT_EQ(row.size(), machine.nodes.size());
    EXPECT_GE(machine.page_bytes, 4096U);
    EXPECT_NE(machine.source.find("hwloc"), std::string::npos);
}

TEST(RunningMachine, IsCachedAsItWas) {
    const Topology& first = system_topology();
    EXPECT_EQ(&first, &system_topology());
    EXPECT_EQ(first.nodes.size(), discover_topology().nodes.size());
}

TEST(RunningMachine, IsNotMixedWithAnotherOneFromTheEnvironment) {
    ::setenv("HWLOC_SYNTHETIC", "numa:3(memory=1GiB) pu:1", 1);
    const Topology machine = discover_topology();
    ::unsetenv("HWLOC_SYNTHETIC");
    ASSERT_EQ(machine.nodes.size(), 3U);
    EXPECT_EQ(machine.nodes[0].free_bytes, 0U);
    EXPECT_NE(machine.source.find("not this machine"), std::string::npos);
}

// The kernel's files bring nodes in the order of their ids; a machine from elsewhere may not.
TEST(RunningMachine, DistancesAreByIdWhateverOrderHwlocHasThemIn) {
    const fakes::MadeUpFiles files;
    files.write("/machine.xml", R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x1" complete_cpuset="0x1" allowed_cpuset="0x1"
          nodeset="0x3" complete_nodeset="0x3" allowed_nodeset="0x3" gp_index="1">
    <object type="NUMANode" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x1"
            complete_nodeset="0x1" gp_index="2" local_memory="1073741824"/>
    <object type="NUMANode" os_index="1" cpuset="0x1" complete_cpuset="0x1" nodeset="0x2"
            complete_nodeset="0x2" gp_index="3" local_memory="1073741824"/>
    <object type="PU" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x3"
            complete_nodeset="0x3" gp_index="4"/>
  </object>
  <distances2 type="NUMANode" nbobjs="2" kind="5" name="NUMALatency" indexing="os">
    <indexes length="4">1 0 </indexes>
    <u64values length="12">11 21 31 10 </u64values>
  </distances2>
</topology>
)");
    ::setenv("HWLOC_XMLFILE", (files.root() + "/machine.xml").c_str(), 1);
    const Topology machine = discover_topology();
    ::unsetenv("HWLOC_XMLFILE");
    ASSERT_EQ(machine.nodes.size(), 2U);
    EXPECT_EQ(machine.distances, (Matrix{{10, 31}, {21, 11}}));
}

TEST(MadeUp, SparseNodesKeepTheirIds) {
    const MadeUpMachine machine;
    machine.add_cpus(4);
    machine.add_node(1, "0-1", "10 21", 1048576);
    machine.add_node(6, "2-3", "21 10", 2097152);
    machine.set_online_nodes("1,6");
    machine.write("/proc/meminfo", "MemTotal: 3145728 kB\nMemFree: 100 kB\n");
    const Topology found = discover_made_up(machine);
    ASSERT_EQ(found.nodes.size(), 2U);
    EXPECT_EQ(found.nodes[0].id, 1);
    EXPECT_EQ(found.nodes[0].cpus, (Ids{0, 1}));
    EXPECT_EQ(found.nodes[1].id, 6);
    EXPECT_EQ(found.nodes[1].cpus, (Ids{2, 3}));
    EXPECT_EQ(found.nodes[1].total_bytes, std::uint64_t{2} << 30);
    EXPECT_EQ(found.nodes[1].free_bytes, std::uint64_t{1} << 30);
    EXPECT_EQ(found.distances, (Matrix{{10, 21}, {21, 10}}));
}

TEST(MadeUp, NodesWithoutCpusOrMemoryStayWhatTheyAre) {
    const MadeUpMachine machine;
    machine.add_cpus(4);
    machine.add_node(0, "0-1", "10 20 17", 1048576);
    machine.add_node(1, "2-3", "20 10 28", 0);
    machine.add_node(2, "", "17 28 10", 4194304);
    machine.set_online_nodes("0-2");
    const Topology found = discover_made_up(machine);
    ASSERT_EQ(found.nodes.size(), 3U);
    EXPECT_EQ(found.nodes[0].cpus, (Ids{0, 1}));
    EXPECT_EQ(found.nodes[1].cpus, (Ids{2, 3}));
    EXPECT_EQ(found.nodes[1].total_bytes, 0U);
    EXPECT_TRUE(found.nodes[2].cpus.empty());
    EXPECT_EQ(found.nodes[2].total_bytes, std::uint64_t{4} << 30);
    EXPECT_EQ(found.distances, (Matrix{{10, 20, 17}, {20, 10, 28}, {17, 28, 10}}));
}

TEST(MadeUp, DistancesMayBeMissing) {
    const MadeUpMachine machine;
    machine.add_cpus(2);
    machine.add_node(0, "0", "10 20", 1048576);
    machine.add_node(1, "1", "20 10", 1048576);
    machine.set_online_nodes("0-1");
    machine.remove("/sys/devices/system/node/node1/distance");
    const Topology found = discover_made_up(machine);
    EXPECT_EQ(found.nodes.size(), 2U);
    EXPECT_TRUE(found.distances.empty());
}

TEST(MadeUp, NodesThatTheCpusetForbidsAreMarked) {
    const MadeUpMachine machine;
    machine.add_cpus(2);
    machine.add_node(0, "0", "10 20", 1048576);
    machine.add_node(1, "1", "20 10", 1048576);
    machine.set_online_nodes("0-1");
    machine.write("/proc/self/status", "Cpus_allowed_list:\t0-1\nMems_allowed_list:\t1\n");
    const Topology found = discover_made_up(machine);
    ASSERT_EQ(found.nodes.size(), 2U);
    EXPECT_FALSE(found.nodes[0].allowed);
    EXPECT_TRUE(found.nodes[1].allowed);
}

// As under numactl --membind: a policy of the whole process, which the policies of arenas would pass by.
TEST(MadeUp, NodesOutsideABoundMemoryPolicyAreMarked) {
    const MadeUpMachine machine;
    machine.add_cpus(2);
    machine.add_node(0, "0", "10 20", 1048576);
    machine.add_node(1, "1", "20 10", 1048576);
    machine.set_online_nodes("0-1");
    const fakes::FakeSystemCalls fake;
    os::ThreadPolicy policy{MPOL_BIND | MPOL_F_STATIC_NODES, {}};
    policy.nodes.add(1);
    ASSERT_EQ(os::set_thread_policy(policy), 0);
    Topology found = discover_made_up(machine);
    ASSERT_EQ(found.nodes.size(), 2U);
    EXPECT_FALSE(found.nodes[0].allowed);
    EXPECT_TRUE(found.nodes[1].allowed);
    for (const int mode : {MPOL_PREFERRED, MPOL_INTERLEAVE}) {
        policy.mode = mode;
        ASSERT_EQ(os::set_thread_policy(policy), 0);
        EXPECT_TRUE(discover_made_up(machine).nodes[0].allowed) << "only membind confines";
    }
    fakes::FakeSystemCalls::refuse(fakes::Call::kGetPolicy, EPERM);
    EXPECT_TRUE(discover_made_up(machine).nodes[0].allowed);
}

TEST(MadeUp, WithoutNumaThereIsOneNodeWithEverything) {
    const MadeUpMachine machine;
    machine.add_cpus(2);
    machine.write("/proc/meminfo", "MemTotal: 2097152 kB\nMemFree: 1048576 kB\nHugepagesize: 2048 kB\n");
    machine.write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
    machine.write("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
    machine.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    machine.write("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
    const Topology found = discover_made_up(machine);
    ASSERT_EQ(found.nodes.size(), 1U);
    EXPECT_EQ(found.nodes[0].id, 0);
    EXPECT_EQ(found.nodes[0].cpus, (Ids{0, 1}));
    EXPECT_EQ(found.nodes[0].total_bytes, std::uint64_t{2} << 30);
    EXPECT_EQ(found.nodes[0].free_bytes, std::uint64_t{1} << 30);
    EXPECT_EQ(found.nodes[0].huge_pages_total, 4U);
    EXPECT_EQ(found.nodes[0].huge_pages_free, 3U);
    EXPECT_TRUE(found.nodes[0].allowed);
    EXPECT_EQ(found.transparent_huge_pages, "madvise");
    EXPECT_EQ(found.huge_page_bytes, 2097152U);
}

}  // namespace
}  // namespace numapool::topology
