// Owns: checks that hold on any machine: each node with memory serves its own pages, other numbers are
// refused. Must not know: which machine this is.
#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

TEST(EveryNode, ServesItsOwnPagesToThreadsOfEveryNode) {
    MemoryPool pool;
    for (const int from : cpu_nodes()) {
        for (const NumaNode& node : memory_nodes()) {
            for (const std::size_t bytes : {100UL, 20 * kKiB, kMiB, 5 * kMiB}) {
                run_on(from, [&] {
                    const Buffer buffer = pool.get_buffer(bytes, {.placement = Placement::on_node(node.id)});
                    touch(buffer.data(), bytes);
                    const PageMap map = where(buffer);
                    EXPECT_EQ(share_on(map, node.id), 1.0)
                        << bytes << " bytes for node " << node.id << " asked from node " << from << ": "
                        << to_string(map);
                    EXPECT_EQ(pool.find_block(buffer.data())->placement, Placement::on_node(node.id));
                });
            }
        }
    }
    EXPECT_EQ(pool.get_statistics().fallback_allocations, 0U);
}

TEST(EveryNode, ServesStrictRequestsAndCountsThePages) {
    MemoryPool pool({.bind = BindMode::kStrict});
    for (const NumaNode& node : memory_nodes()) {
        for (int round = 0; round < 2; ++round) {
            const Buffer buffer = pool.get_buffer(3 * kMiB, {.placement = Placement::on_node(node.id)});
            EXPECT_EQ(share_on(where(buffer), node.id), 1.0);
        }
    }
    for (const NodeStatistics& node : pool.get_statistics().nodes) {
        EXPECT_EQ(node.verified_ratio, 1.0) << "node " << node.node;
    }
}

// F06, F41: numbers that no node has, and nodes without memory.
TEST(EveryNode, F06_OtherNumbersAreRefusedNamingTheNodes) {
    MemoryPool pool;
    const std::vector<NumaNode> usable = memory_nodes();
    for (const int number : {0, 1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 1023, -1, 1 << 20}) {
        bool known = false;
        for (const NumaNode& node : usable) known |= node.id == number;
        if (known) continue;
        try {
            static_cast<void>(pool.get_buffer(100, {.placement = Placement::on_node(number)}));
            ADD_FAILURE() << "node " << number << " was accepted";
        } catch (const ArgumentError& error) {
            for (const NumaNode& node : usable) {
                EXPECT_NE(std::string(error.message()).find(std::to_string(node.id)), std::string::npos)
                    << error.message();
            }
        }
    }
    EXPECT_EQ(pool.get_statistics().total_allocations, 0U);
}

// F41: a thread on a node without memory is served by the nearest that has some, and says which.
TEST(EveryNode, F41_TheCurrentNodeOrTheNearestServesByDefault) {
    MemoryPool pool;
    const Topology machine = discover_topology();
    for (const int from : cpu_nodes()) {
        int nearest = -1;
        std::uint64_t least = ~std::uint64_t{0};
        for (const NumaNode& node : memory_nodes()) {
            const auto at = [&](int id) {
                std::size_t i = 0;
                while (machine.nodes[i].id != id) ++i;
                return i;
            };
            const std::uint64_t distance = node.id == from ? 0
                                           : machine.distances.empty()
                                               ? 20
                                               : machine.distances[at(from)][at(node.id)];
            if (distance < least) least = distance, nearest = node.id;
        }
        run_on(from, [&] {
            const Buffer buffer = pool.get_buffer(3 * kMiB);
            touch(buffer.data(), buffer.size());
            EXPECT_EQ(share_on(where(buffer), nearest), 1.0)
                << "asked from node " << from << ": " << to_string(where(buffer));
        });
    }
}

TEST(EveryNode, AThreadThatMigratesIsServedWhereItIsNow) {
    MemoryPool pool;
    const std::vector<int> cpus_of = cpu_nodes();
    for (int round = 0; round < 3; ++round) {
        for (const int node : cpus_of) {
            const NodeBinding here(node);
            const std::optional<Placement> served = pool.resolve(Placement::current_node());
            ASSERT_TRUE(served.has_value());
            for (const std::size_t bytes : {200UL, 2 * kMiB}) {
                const Buffer buffer = pool.get_buffer(bytes);
                touch(buffer.data(), bytes);
                EXPECT_EQ(share_on(where(buffer), served->node()), 1.0) << "on node " << node;
            }
            bool has_memory = false;
            for (const NumaNode& with : memory_nodes()) has_memory |= with.id == node;
            EXPECT_TRUE(!has_memory || served->node() == node);
        }
    }
}

TEST(EveryNode, PrefaultedMemoryLiesThere) {
    constexpr std::size_t kBytes = 40 * kMiB;  // so much that several threads share it where they can
    for (const BindMode bind : {BindMode::kAdvisory, BindMode::kStrict, BindMode::kNone}) {
        MemoryPool pool({.bind = bind});
        pool.initialize(kBytes);
        pool.initialize(kBytes);
        EXPECT_EQ(pool.get_statistics().idle_bytes, memory_nodes().size() * kBytes);
        for (const PlacementCheck& check : pool.verify_placement()) {
            bool has_cpus = false;
            for (const int node : cpu_nodes()) has_cpus |= node == check.node;
            if (bind == BindMode::kNone && !has_cpus) continue;  // nothing was asked for, and no one is near
            // To see who uses it, the kernel makes memory of no policy inaccessible, and then tells no node.
            if (bind == BindMode::kNone && kernel_balances()) continue;
            EXPECT_GE(check.home * discover_topology().page_bytes, kBytes);
            EXPECT_EQ(check.elsewhere, 0U) << "node " << check.node;
        }
    }
}

TEST(EveryNode, PrefaultingMoreThanThereIsHarmsNothing) {
    std::uint64_t all = 0;
    for (const NumaNode& node : memory_nodes()) all += node.total_bytes;
    const std::size_t each = all / memory_nodes().size();
    MemoryPool pool;
    EXPECT_THROW(pool.initialize(each), OutOfMemoryError);
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U);
    EXPECT_EQ(pool.resident_bytes(), 0U);
    pool.initialize(4 * kMiB);
    EXPECT_EQ(pool.get_statistics().idle_bytes, memory_nodes().size() * 4 * kMiB);
}

TEST(Interleaved, PagesAreDealtEvenly) {
    std::vector<int> nodes;
    for (const NumaNode& node : memory_nodes()) nodes.push_back(node.id);
    if (nodes.size() < 2) GTEST_SKIP() << "one node with memory: nothing to deal over";
    MemoryPool pool({.huge_pages = HugePages::kNever});
    const Buffer buffer = pool.get_buffer(8 * kMiB, {.placement = Placement::interleave(nodes)});
    touch(buffer.data(), buffer.size());
    const PageMap map = where(buffer);
    for (const int node : nodes) {
        EXPECT_NEAR(share_on(map, node), 1.0 / static_cast<double>(nodes.size()), 0.01) << to_string(map);
    }
    const Buffer strict =
        pool.get_buffer(kMiB, {.placement = Placement::interleave(nodes), .bind = BindMode::kStrict});
    EXPECT_NE(strict.data(), nullptr);
}

TEST(Interleaved, WeightsDealStepsOfTwoMebibytes) {
    const std::vector<NumaNode> all = memory_nodes();
    if (all.size() < 2) GTEST_SKIP() << "one node with memory: nothing to deal over";
    const std::vector<int> nodes = {all[0].id, all[1].id};
    const std::vector<int> weights = {3, 1};
    MemoryPool pool;
    const Placement placement = Placement::interleave(nodes, weights);
    const Buffer buffer = pool.get_buffer(32 * kMiB, {.placement = placement, .bind = BindMode::kStrict});
    const PageMap map = where(buffer);
    EXPECT_NEAR(share_on(map, nodes[0]), 0.75, 0.05) << to_string(map);
    EXPECT_NEAR(share_on(map, nodes[1]), 0.25, 0.05) << to_string(map);
    EXPECT_EQ(pool.verify_placement().back().elsewhere, 0U);
    say("weights 3:1 over nodes %d and %d: %s", nodes[0], nodes[1], to_string(map).c_str());
}

}  // namespace
}  // namespace numapool::vm
