// Owns: checks of machines that are described in words.
// Must not know: how hwloc reads the words.
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/errors.h"
#include "numapool/topology.h"

namespace numapool {
namespace {

class SyntheticNodes : public testing::TestWithParam<int> {};

TEST_P(SyntheticNodes, HaveTheirOwnCpusAndMemory) {
    const int count = GetParam();
    const Topology machine = synthetic_topology("numa:" + std::to_string(count) + " core:3 pu:2");
    ASSERT_EQ(machine.nodes.size(), static_cast<std::size_t>(count));
    for (int id = 0; id < count; ++id) {
        const NumaNode& node = machine.nodes[static_cast<std::size_t>(id)];
        EXPECT_EQ(node.id, id);
        const int first = 6 * id;
        EXPECT_EQ(node.cpus,
                  (std::vector<int>{first, first + 1, first + 2, first + 3, first + 4, first + 5}));
        EXPECT_GT(node.total_bytes, 0U);
        EXPECT_EQ(node.free_bytes, 0U);
        EXPECT_TRUE(node.allowed);
        EXPECT_EQ(machine.find(id), &node);
    }
    EXPECT_EQ(machine.find(count), nullptr);
    EXPECT_EQ(machine.find(-1), nullptr);
    EXPECT_EQ(machine.transparent_huge_pages, "unavailable");
    EXPECT_NE(machine.source.find("synthetic"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Counts, SyntheticNodes, testing::Values(1, 2, 4, 8));

TEST(SyntheticTopology, KeepsSparseIdsInOrder) {
    const Topology machine = synthetic_topology("numa:2(indexes=7,4) pu:2");
    ASSERT_EQ(machine.nodes.size(), 2U);
    EXPECT_EQ(machine.nodes[0].id, 4);
    EXPECT_EQ(machine.nodes[0].cpus, (std::vector<int>{2, 3}));
    EXPECT_EQ(machine.nodes[1].id, 7);
    EXPECT_EQ(machine.nodes[1].cpus, (std::vector<int>{0, 1}));
    EXPECT_EQ(machine.find(5), nullptr);
    ASSERT_NE(machine.find(7), nullptr);
    EXPECT_EQ(machine.find(7)->id, 7);
}

TEST(SyntheticTopology, TakesTheMemoryThatIsDescribed) {
    const Topology machine = synthetic_topology("numa:2(memory=3GiB) pu:1");
    ASSERT_EQ(machine.nodes.size(), 2U);
    EXPECT_EQ(machine.nodes[1].total_bytes, std::uint64_t{3} << 30);
}

TEST(SyntheticTopology, GivesEachCpuToOneNode) {
    const Topology machine = synthetic_topology("pack:2 [numa] [numa] core:2 pu:1");
    ASSERT_EQ(machine.nodes.size(), 4U);
    EXPECT_EQ(machine.nodes[0].cpus, (std::vector<int>{0, 1}));
    EXPECT_TRUE(machine.nodes[1].cpus.empty());
    EXPECT_EQ(machine.nodes[2].cpus, (std::vector<int>{2, 3}));
    EXPECT_TRUE(machine.nodes[3].cpus.empty());
}

TEST(SyntheticTopology, SaysWhatIsWrongWithADescription) {
    for (const std::string bad : {"", " ", "four nodes", "numa:0 pu:1", "numa:2 core:2", "numa:-1 pu:1"}) {
        try {
            synthetic_topology(bad);
            ADD_FAILURE() << "accepted: " << bad;
        } catch (const ArgumentError& error) {
            EXPECT_EQ(error.code(), ErrorCode::kInvalidOption);
            EXPECT_NE(std::string(error.what()).find('"' + bad + '"'), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find("numa:4 core:2 pu:1"), std::string::npos)
                << error.what();
        }
    }
}

}  // namespace
}  // namespace numapool
