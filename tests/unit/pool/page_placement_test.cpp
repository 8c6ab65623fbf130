// Owns: checks of when pages are looked up, what becomes of those that lie elsewhere, and what is told.
// Must not know: how blocks are found. Strict requests are in strict_binding_test.cpp.
#include <linux/mempolicy.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

#include "numapool/placement.h"

#include "os/system_calls.h"
#include "os/virtual_memory.h"
#include "played_pool.h"
#include "pool/pool_registry.h"

namespace numapool::detail {
namespace {

void touch(void* block, std::size_t bytes) { std::memset(block, 1, bytes); }

NodeStatistics figures_of(PlayedPool& pool, std::size_t position) {
    return pool->statistics().nodes[position];
}

class PagePlacement : public testing::Test {
protected:
    /// Asks for a large block for `node`, touches and returns it.
    static void cycle(PlayedPool& pool, int node, std::size_t bytes = 3 * kMiB) {
        void* block = pool.get_on(node, bytes);
        ASSERT_NE(block, nullptr);
        touch(block, bytes);
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    }
    FakeSystemCalls fake_;
};

TEST_F(PagePlacement, NewLargeMemoryIsLookedUpOnceWhenItComesBack) {
    PlayedPool pool;
    void* block = pool.get_on(2, 3 * kMiB);
    touch(block, 3 * kMiB);
    EXPECT_EQ(FakeSystemCalls::count(Call::kLocate), 0U);
    ASSERT_TRUE(pool->find_block(block).has_value());
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kAlreadyReturned);
    EXPECT_EQ(figures_of(pool, 2).pages_looked_up, 3 * kMiB / os::page_bytes());
    EXPECT_EQ(figures_of(pool, 2).verified_ratio, 1.0);
    const std::uint64_t calls = os::system_call_count();
    for (int i = 0; i < 10; ++i) cycle(pool, 2);
    EXPECT_EQ(os::system_call_count(), calls) << "a hit on a node named makes no system call";
    EXPECT_EQ(pool->statistics().fallback_allocations, 0U);
}

TEST_F(PagePlacement, F18_WhatIsLookedUpOnItsWayBackIsReturnedAlready) {
    PlayedPool pool;
    void* block = pool.get_on(2, 3 * kMiB);
    touch(block, 3 * kMiB);
    auto second = ErrorCode::kOk;
    FakeSystemCalls::meanwhile(Call::kLocate, [&] {
        EXPECT_FALSE(pool->find_block(block).has_value());
        second = PlayedPool::give(block);
    });
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(second, ErrorCode::kAlreadyReturned);
    EXPECT_EQ(pool->statistics().total_allocations, 1U);
    EXPECT_EQ(pool->statistics().live_buffers, 0U);
}

// F14: whatever was counted, here of a small block that was returned twice and not noticed.
TEST_F(PagePlacement, F14_APoolIsThereUntilALargeBlockIsBack) {
    PlayedPool pool;
    void* small = pool.get_on(2, 200);
    void* block = pool.get_on(2, 3 * kMiB);
    touch(block, 3 * kMiB);
    EXPECT_EQ(PlayedPool::give(small), ErrorCode::kOk);
    touch(small, 200);
    EXPECT_EQ(PlayedPool::give(small), ErrorCode::kOk);
    const auto is_there = [core = &pool.core()] {
        bool found = false;
        PoolRegistry::for_each([&](const PoolCore& each) { found = found || &each == core; });
        return found;
    };
    bool meanwhile = false;
    FakeSystemCalls::meanwhile(Call::kLocate, [&] {
        pool.release();
        meanwhile = is_there();
    });
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_TRUE(meanwhile) << "while the block is looked up";
    EXPECT_FALSE(is_there());
}

TEST_F(PagePlacement, HitsOnTheCurrentNodeMakeNoSystemCall) {
    PlayedPool pool;
    for (const std::size_t bytes : {100UL, 20 * kKiB, 3 * kMiB}) {
        for (const int node : {0, 3}) {
            FakeSystemCalls::run_on(node);
            PlayedPool::give(pool.get(bytes));
            const std::uint64_t calls = os::system_call_count();
            for (int i = 0; i < 100; ++i) PlayedPool::give(pool.get(bytes));
            EXPECT_EQ(os::system_call_count(), calls) << bytes << " bytes on node " << node;
        }
    }
}

TEST_F(PagePlacement, ARangeIsBoundByOneCall) {
    PlayedPool pool;
    for (int i = 0; i < 5; ++i) cycle(pool, 1);
    std::vector<void*> blocks;
    for (int i = 0; i < 20; ++i) blocks.push_back(pool.get_on(1, 3 * kMiB));
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 1U);
    for (void* block : blocks) PlayedPool::give(block);
}

TEST_F(PagePlacement, SlabsAreFaultedAndLookedUpASliceAtATime) {
    PlayedPool pool;
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) blocks.push_back(pool.get_on(1, 256));
    const NodeStatistics node = figures_of(pool, 1);
    EXPECT_EQ(node.pages_looked_up * os::page_bytes(), node.memory_usage_bytes);
    EXPECT_EQ(node.pages_verified, node.pages_looked_up);
    EXPECT_LE(FakeSystemCalls::count(Call::kLocate), 1000 * 256 / base::kSliceBytes + 1);
    for (void* block : blocks) PlayedPool::give(block);
}

TEST_F(PagePlacement, PagesElsewhereAreMovedHome) {
    const Messages messages;
    PlayedPool pool;
    void* block = pool.get_on(1, 3 * kMiB);
    touch(block, 3 * kMiB);
    FakeSystemCalls::scatter(reinterpret_cast<std::uintptr_t>(block), kMiB, 3);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(figures_of(pool, 1).verified_ratio, 1.0);
    EXPECT_EQ(pool->statistics().fallback_allocations, 0U);
    EXPECT_TRUE(messages.all().empty());
    EXPECT_TRUE(FakeSystemCalls::binds().back().moving);
}

// F39, as far as it can be played
TEST_F(PagePlacement, F39_PagesThatCannotMoveAreCountedAndToldOnce) {
    const Messages messages;
    PlayedPool pool;
    FakeSystemCalls::fill_node(1, 3);
    cycle(pool, 1);
    cycle(pool, 1, 30 * kMiB);
    const NodeStatistics node = figures_of(pool, 1);
    EXPECT_EQ(node.fallback_allocations, 2U);
    EXPECT_EQ(node.pages_verified, 0U);
    EXPECT_LE(messages.count("buffer for node 1"), 1U);
}

TEST_F(PagePlacement, F39_SlabsElsewhereCountForTheBufferThatBeginsThem) {
    const Messages messages;
    PlayedPool pool;
    FakeSystemCalls::fill_node(1, 3);
    void* first = pool.get_on(1, 100);
    EXPECT_EQ(figures_of(pool, 1).fallback_allocations, 1U);
    EXPECT_EQ(figures_of(pool, 1).pages_verified, 0U);
    PlayedPool::give(first);
}

// F39, in a process of its own, since it is told once in each.
using PagePlacementDeathTest = PagePlacement;
TEST_F(PagePlacementDeathTest, F39_PagesOfALargeBufferElsewhereAreTold) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            PlayedPool pool;
            FakeSystemCalls::fill_node(1, 3);
            cycle(pool, 1, 30 * kMiB);
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), "pages of a buffer for node 1 lie on other nodes");
}

TEST_F(PagePlacement, BindNoneLooksNothingUp) {
    PoolOptions options = quiet_options();
    options.bind = BindMode::kNone;
    PlayedPool pool(options);
    for (const std::size_t bytes : {100UL, 3 * kMiB}) {
        void* block = pool.get_on(1, bytes);
        touch(block, bytes);
        PlayedPool::give(block);
    }
    EXPECT_EQ(FakeSystemCalls::count(Call::kLocate) + FakeSystemCalls::count(Call::kBind), 0U);
}

// F38: what a pool without policy had touched on the wrong node is moved when a request asks for more.
TEST_F(PagePlacement, F38_ARequestCanAskForMoreThanItsPool) {
    PoolOptions options = quiet_options();
    options.bind = BindMode::kNone;
    PlayedPool pool(options);
    cycle(pool, 1);  // without a policy, the played pages lie on node 0
    void* block = pool.get(3 * kMiB, {.placement = Placement::on_node(1), .bind = BindMode::kStrict});
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(figures_of(pool, 1).verified_ratio, 1.0);
    ASSERT_EQ(FakeSystemCalls::binds().size(), 1U);
    EXPECT_TRUE(FakeSystemCalls::binds()[0].moving);
    PlayedPool::give(block);
}

TEST_F(PagePlacement, WeightsDealGranules) {
    PlayedPool pool;
    const std::array<int, 2> nodes = {3, 1};
    const std::array<int, 2> weights = {6, 2};
    const Placement placement = Placement::interleave(nodes, weights);
    EXPECT_EQ(placement.nodes(), (std::vector{1, 3}));
    EXPECT_EQ(placement.weights(), (std::vector{1, 3}));
    void* block = pool.get(64 * kMiB, {.placement = placement, .bind = BindMode::kStrict});
    ASSERT_NE(block, nullptr);
    const std::vector<PlacementCheck> checks = pool->verify_placement();
    const PlacementCheck& check = checks.back();
    EXPECT_EQ(check.interleaved_over, (std::vector{1, 3}));
    EXPECT_EQ(check.elsewhere, 0U);
    EXPECT_EQ(check.pages_on.at(3), 3 * check.pages_on.at(1));
    EXPECT_EQ(pool->statistics().nodes.back().interleave_weights, (std::vector{1, 3}));
    // A page on a node of the set that is not its granule's is elsewhere.
    FakeSystemCalls::scatter(reinterpret_cast<std::uintptr_t>(block), 8 * kMiB, 3);
    EXPECT_NE(pool->verify_placement().back().elsewhere, 0U);
    PlayedPool::give(block);
}

TEST_F(PagePlacement, VerifyLooksAtLiveAndIdleMemory) {
    PoolOptions options = quiet_options();
    options.huge_pages = HugePages::kNever;
    PlayedPool pool(options);
    cycle(pool, 1);
    void* live = pool.get_on(2, 5 * kMiB);
    touch(live, kMiB);
    FakeSystemCalls::scatter(reinterpret_cast<std::uintptr_t>(live), os::page_bytes(), 0);
    const std::vector<PlacementCheck> checks = pool->verify_placement();
    ASSERT_EQ(checks.size(), 4U);
    EXPECT_EQ(checks[1].node, 1);
    EXPECT_EQ(checks[1].home, 3 * kMiB / os::page_bytes());
    EXPECT_EQ(checks[2].home, kMiB / os::page_bytes() - 1);
    EXPECT_EQ(checks[2].elsewhere, 1U);
    EXPECT_EQ(checks[2].pages_on.at(0), 1U);
    PlayedPool::give(live);
}

// F36: new memory is touched from a CPU of its node, and the thread is where it was afterwards.
TEST_F(PagePlacement, F36_ARefusedPolicyMeansTouchingFromTheNodesCpus) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    Topology machine = synthetic_topology("numa:2 core:1 pu:1");
    std::size_t last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &before)) --last;
    machine.nodes[1].cpus = {static_cast<int>(last)};
    PlayedPool pool(quiet_options(), machine);
    FakeSystemCalls::run_on(0);
    void* block = pool.get_on(1, 3 * kMiB);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(FakeSystemCalls::populates().back().cpus, std::vector{static_cast<int>(last)});
    EXPECT_EQ(os::resident_bytes(reinterpret_cast<std::uintptr_t>(block), 3 * kMiB), 3 * kMiB);
    cpu_set_t after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
    EXPECT_EQ(pool->statistics().fallback_allocations, 1U);
    PlayedPool::give(block);
}

// F40
TEST_F(PagePlacement, F40_ANodeThatIsTakenAwayIsNoticedAndToldAndComesBack) {
    const Messages messages;
    PlayedPool pool;
    cycle(pool, 2);
    FakeSystemCalls::run_on(2);
    PlayedPool::give(pool.get(100));
    FakeSystemCalls::allow_nodes({0, 1, 3});
    FakeSystemCalls::fill_node(2, 0);  // what the kernel does with the node's pages
    cycle(pool, 2, 30 * kMiB);         // new memory, so the cpuset is looked at
    EXPECT_EQ(messages.count("node 2 was taken"), 1U);
    EXPECT_EQ(messages.count("was taken"), 1U);
    const std::uint64_t before = figures_of(pool, 2).fallback_allocations;
    EXPECT_GE(before, 1U);
    for (int i = 0; i < 3; ++i) PlayedPool::give(pool.get(100));
    EXPECT_EQ(figures_of(pool, 2).fallback_allocations, before + 3) << "hits count too";
    EXPECT_EQ(pool.get(100, {.bind = BindMode::kStrict}), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kPlacementFailed);
    FakeSystemCalls::fill_node(-1, -1);
    FakeSystemCalls::allow_nodes({0, 1, 2, 3});
    cycle(pool, 1, 10 * kMiB);
    EXPECT_TRUE(FakeSystemCalls::binds().back().moving) << "the pages that the kernel moved away come home";
    const std::uint64_t then = figures_of(pool, 2).fallback_allocations;
    for (int i = 0; i < 3; ++i) PlayedPool::give(pool.get(100));
    EXPECT_EQ(figures_of(pool, 2).fallback_allocations, then);
}

TEST_F(PagePlacement, F40_ABufferForALostNodeCountsOnce) {
    PlayedPool pool;
    cycle(pool, 2);
    FakeSystemCalls::allow_nodes({0, 1, 3});
    FakeSystemCalls::fill_node(2, 0);
    const std::uint64_t before = figures_of(pool, 2).fallback_allocations;
    cycle(pool, 2, 30 * kMiB);
    EXPECT_EQ(figures_of(pool, 2).fallback_allocations, before + 1);
}

TEST_F(PagePlacement, F40_AWeightedSetRecoversWithItsNode) {
    const Messages messages;
    PlayedPool pool;
    const std::array<int, 2> nodes = {1, 3};
    const std::array<int, 2> weights = {1, 2};
    const Request request{.placement = Placement::interleave(nodes, weights)};
    PlayedPool::give(pool.get(3 * kMiB, request));
    FakeSystemCalls::allow_nodes({0, 1, 2});
    FakeSystemCalls::refuse(Call::kBind, EINVAL);  // what the kernel says of a forbidden node
    PlayedPool::give(pool.get(30 * kMiB, request));
    const std::uint64_t during = pool->statistics().nodes.back().fallback_allocations;
    EXPECT_EQ(during, 1U);
    FakeSystemCalls::allow_all();
    FakeSystemCalls::allow_nodes({0, 1, 2, 3});
    EXPECT_EQ(pool->statistics().nodes.back().fallback_allocations, during);
    PlayedPool::give(pool.get(60 * kMiB, request));
    EXPECT_EQ(pool->statistics().nodes.back().fallback_allocations, during);
    EXPECT_EQ(pool->verify_placement().back().elsewhere, 0U);
    EXPECT_EQ(pool->verify_placement().back().interleave_weights, (std::vector{1, 2}));
}

TEST_F(PagePlacement, F40_WithoutGetMempolicyTheCpusetIsReadFromItsFile) {
    // The pool has four nodes; the file tells of those of the machine at hand.
    if (discover_topology().nodes.size() >= 4) GTEST_SKIP() << "this machine has all nodes of the played one";
    PlayedPool pool;
    FakeSystemCalls::refuse(Call::kGetPolicy, EPERM);
    for (int i = 0; i < 10 && pool->all_nodes_allowed(); ++i) {
        static_cast<void>(pool->statistics());  // more often than the file is read
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_FALSE(pool->all_nodes_allowed());
    FakeSystemCalls::allow_all();
    static_cast<void>(pool->statistics());
    EXPECT_TRUE(pool->all_nodes_allowed());
    FakeSystemCalls::refuse(Call::kGetPolicy, EPERM);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (pool->all_nodes_allowed() && std::chrono::steady_clock::now() < until) {
        static_cast<void>(pool->statistics());
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_FALSE(pool->all_nodes_allowed());
}

TEST_F(PagePlacement, WithoutNumaPagesAreHomeAnywhere) {
    PoolOptions options = quiet_options();
    options.numa_aware = false;
    PlayedPool pool(options);
    cycle(pool, 3);
    ASSERT_EQ(pool->verify_placement().size(), 1U);
    EXPECT_EQ(pool->verify_placement()[0].elsewhere, 0U);
    EXPECT_GT(pool->verify_placement()[0].home, 0U);
}

TEST_F(PagePlacement, F36_WhatWasNotAskedForIsNoFallback) {
    const Messages messages;
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    PoolOptions options = quiet_options();
    options.bind = BindMode::kNone;
    PlayedPool pool(options);
    for (int i = 0; i < 10; ++i) PlayedPool::give(pool.get_on(1, 100));
    EXPECT_EQ(pool->statistics().fallback_allocations, 0U);
    const Request advisory{.placement = Placement::on_node(1), .bind = BindMode::kAdvisory};
    for (int i = 0; i < 2; ++i) PlayedPool::give(pool.get(100, advisory));
    EXPECT_EQ(pool->statistics().fallback_allocations, 2U);
}

TEST_F(PagePlacement, F39_AskingForMoreThanThePoolIsLookedAtFromTheFirstRequestOn) {
    const Messages messages;
    PoolOptions options = quiet_options();
    options.bind = BindMode::kNone;
    PlayedPool pool(options);
    FakeSystemCalls::fill_node(1, 3);
    void* block = pool.get(3 * kMiB, {.placement = Placement::on_node(1), .bind = BindMode::kAdvisory});
    touch(block, 3 * kMiB);
    PlayedPool::give(block);
    EXPECT_EQ(figures_of(pool, 1).pages_looked_up, 3 * kMiB / os::page_bytes());
    EXPECT_EQ(figures_of(pool, 1).fallback_allocations, 1U);
}

TEST_F(PagePlacement, SlicesThatStrictRequestsBeginAreLookedUpWhole) {
    PlayedPool pool;
    void* first = pool.get(100, {.placement = Placement::on_node(1), .bind = BindMode::kStrict});
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(figures_of(pool, 1).pages_looked_up * os::page_bytes(), base::kSliceBytes);
    PlayedPool::give(first);
}

}  // namespace
}  // namespace numapool::detail
