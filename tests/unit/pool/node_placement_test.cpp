// Owns: checks of where requests are served from and returns go to, on played machines of several nodes.
// Must not know: how blocks are found. Refused policies and strict binding are in strict_binding_test.cpp.
#include <linux/mempolicy.h>

#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "played_pool.h"

namespace numapool::detail {
namespace {

class NodePlacement : public testing::TestWithParam<std::size_t> {
protected:
    FakeSystemCalls fake_;
};

INSTANTIATE_TEST_SUITE_P(EachTier, NodePlacement, testing::Values(100, 20 * kKiB, 3 * kMiB),
                         [](const auto& tested) { return std::to_string(tested.param) + "Bytes"; });

TEST_P(NodePlacement, ABlockFreedOnOneNodeNeverServesAnother) {
    PlayedPool pool;
    std::set<void*> of_node[4];
    for (int round = 0; round < 200; ++round) {
        const int node = round % 4;
        void* block = pool.get_on(node, GetParam());
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(pool.node_of(block), node);
        of_node[node].insert(block);
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    }
    for (int node = 0; node < 4; ++node) {
        EXPECT_EQ(of_node[node].size(), 1U) << "each node's block is reused on its node";
        for (int other = 0; other < node; ++other) {
            for (void* block : of_node[node]) EXPECT_EQ(of_node[other].count(block), 0U);
        }
    }
    EXPECT_EQ(pool->statistics().cache_hits, 196U);
}

TEST_P(NodePlacement, RemoteFreesGoHome) {
    PlayedPool pool;
    FakeSystemCalls::run_on(0);
    void* block = pool.get(GetParam());
    std::thread([&] {
        FakeSystemCalls::run_on(3);
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
        void* own = pool.get(GetParam());
        EXPECT_NE(own, block) << "the block belongs to node 0";
        EXPECT_EQ(pool.node_of(own), 3);
        EXPECT_EQ(PlayedPool::give(own), ErrorCode::kOk);
    }).join();
    void* again = pool.get(GetParam());
    EXPECT_EQ(again, block) << "back home, and ready";
    PlayedPool::give(again);
}

TEST_P(NodePlacement, TheCurrentNodeIsReadForEachRequest) {
    PlayedPool pool;
    for (const int node : {2, 0, 3, 3, 1, 2, 0}) {
        FakeSystemCalls::run_on(node);
        void* block = pool.get(GetParam());
        EXPECT_EQ(pool.node_of(block), node);
        PlayedPool::give(block);
    }
}

TEST_P(NodePlacement, OneBindForEachRangeAndNoneForHits) {
    PlayedPool pool;
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 0U) << "a pool costs nothing before its first request";
    for (int node = 0; node < 4; ++node) PlayedPool::give(pool.get_on(node, GetParam()));
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 4U);
    for (int round = 0; round < 1000; ++round) PlayedPool::give(pool.get_on(round % 4, GetParam()));
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 4U);
    std::set<int> nodes;
    for (const auto& bound : FakeSystemCalls::binds()) {
        EXPECT_EQ(bound.mode, MPOL_PREFERRED);
        ASSERT_EQ(bound.nodes.size(), 1U);
        nodes.insert(bound.nodes[0]);
    }
    EXPECT_EQ(nodes, (std::set{0, 1, 2, 3}));
}

TEST_P(NodePlacement, InterleavedMemoryHasAnArenaOfItsOwn) {
    PlayedPool pool;
    const int nodes[] = {1, 3};
    const Request interleaved{.placement = Placement::interleave(nodes)};
    void* block = pool.get(GetParam(), interleaved);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(pool->find_block(block)->placement, interleaved.placement);
    PlayedPool::give(block);
    void* plain = pool.get_on(1, GetParam());
    EXPECT_NE(plain, block);
    EXPECT_EQ(pool.get(GetParam(), interleaved), block);
    PlayedPool::give(block);
    PlayedPool::give(plain);
    const Statistics statistics = pool->statistics();
    ASSERT_EQ(statistics.nodes.size(), 5U);
    EXPECT_EQ(statistics.nodes.back().interleaved_over, (std::vector{1, 3}));
    EXPECT_EQ(statistics.nodes.back().allocations, 2U);
    bool bound = false;
    for (const auto& range : FakeSystemCalls::binds()) {
        bound |= range.mode == MPOL_INTERLEAVE && range.nodes == std::vector{1, 3};
    }
    EXPECT_TRUE(bound);
}

TEST_P(NodePlacement, WithoutNumaThereIsOneArenaAndNoPolicyCall) {
    PoolOptions options = quiet_options();
    options.numa_aware = false;
    options.bind = BindMode::kStrict;
    PlayedPool pool(options);
    void* a = pool.get_on(3, GetParam());
    ASSERT_NE(a, nullptr);
    PlayedPool::give(a);
    EXPECT_EQ(pool.get_on(77, GetParam()), a) << "nodes are accepted and ignored";
    PlayedPool::give(a);
    EXPECT_EQ(pool->statistics().nodes.size(), 1U);
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 0U);
    EXPECT_EQ(FakeSystemCalls::count(Call::kLocate), 0U);
}

TEST_P(NodePlacement, BindNoneKeepsNodesApartWithoutAPolicy) {
    PoolOptions options = quiet_options();
    options.bind = BindMode::kNone;
    PlayedPool pool(options);
    void* a = pool.get_on(0, GetParam());
    PlayedPool::give(a);
    void* b = pool.get_on(1, GetParam());
    EXPECT_NE(a, b);
    PlayedPool::give(b);
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 0U);
}

TEST_P(NodePlacement, OneNodeNeedsNoPolicy) {
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    PlayedPool::give(pool.get(GetParam()));
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 0U);
}

/// Nodes 0 and 2 have both, 5 has CPUs only and is nearer to 2, 9 has memory only, 11 is not allowed.
Topology sparse_machine() {
    Topology machine;
    machine.nodes = {{0, {0}, kGiB, kGiB, true, 0, 0},
                     {2, {1}, kGiB, kGiB, true, 0, 0},
                     {5, {2}, 0, 0, true, 0, 0},
                     {9, {}, kGiB, kGiB, true, 0, 0},
                     {11, {3}, kGiB, kGiB, false, 0, 0}};
    machine.distances = {{10, 20, 30, 40, 20},
                         {20, 10, 15, 40, 20},
                         {30, 15, 10, 40, 20},
                         {40, 40, 40, 10, 17},
                         {20, 20, 20, 17, 10}};
    machine.page_bytes = 4096;
    return machine;
}

// F41
TEST_P(NodePlacement, F41_ACpuWithoutMemoryTakesTheNearest) {
    PlayedPool pool(quiet_options(), sparse_machine());
    for (const auto& [cpus_of, served_by] : std::map<int, int>{{0, 0}, {2, 2}, {5, 2}, {9, 9}, {11, 9}}) {
        FakeSystemCalls::run_on(cpus_of);
        void* block = pool.get(GetParam());
        EXPECT_EQ(pool.node_of(block), served_by) << "asked from node " << cpus_of;
        PlayedPool::give(block);
    }
    FakeSystemCalls::run_on(1000);  // a node that was not there when the pool was made
    void* block = pool.get(GetParam());
    EXPECT_NE(block, nullptr);
    PlayedPool::give(block);
}

// F06
TEST_P(NodePlacement, F06_UnknownAndDisallowedNodesAreRefused) {
    PlayedPool pool(quiet_options(), sparse_machine());
    for (const int node : {1, 5, 11, -1, -7, 1023, 1024, 1 << 30}) {
        EXPECT_EQ(pool.get_on(node, GetParam()), nullptr) << node;
        EXPECT_EQ(pool.failure().code, ErrorCode::kInvalidNode);
        EXPECT_EQ(static_cast<int>(pool.failure().value), node);
    }
    const int mixed[] = {0, 5};
    EXPECT_EQ(pool.get(GetParam(), {.placement = Placement::interleave(mixed)}), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kInvalidNode);
    EXPECT_EQ(pool->nodes(), (std::vector{0, 2, 9}));
    EXPECT_EQ(pool->statistics().total_allocations, 0U);
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 0U);
}

TEST_P(NodePlacement, StatisticsTellWhereRequestsCameFrom) {
    PlayedPool pool;
    FakeSystemCalls::run_on(2);
    for (int i = 0; i < 3; ++i) PlayedPool::give(pool.get_on(2, GetParam()));
    PlayedPool::give(pool.get_on(1, GetParam()));
    PlayedPool::give(pool.get(GetParam()));
    const Statistics statistics = pool->statistics();
    EXPECT_EQ(statistics.nodes[2].allocations, 4U);
    EXPECT_EQ(statistics.nodes[2].local_access_ratio, 1.0);
    EXPECT_EQ(statistics.nodes[1].allocations, 1U);
    EXPECT_EQ(statistics.nodes[1].local_access_ratio, 0.0);
    for (std::size_t i = 0; i < statistics.nodes.size(); ++i) {
        EXPECT_EQ(statistics.nodes[i].node, static_cast<int>(i));
    }
}

TEST_P(NodePlacement, ResolveSaysWhereARequestWouldGo) {
    PlayedPool pool(quiet_options(), sparse_machine());
    FakeSystemCalls::run_on(5);
    EXPECT_EQ(pool->resolve(Placement::current_node()), Placement::on_node(2));
    EXPECT_EQ(pool->resolve(Placement::on_node(9)), Placement::on_node(9));
    EXPECT_EQ(pool->resolve(Placement::on_node(5)), std::nullopt);
}

}  // namespace
}  // namespace numapool::detail
