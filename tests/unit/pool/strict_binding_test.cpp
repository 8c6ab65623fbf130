// Owns: checks of refused policies and of strict binding, on a played machine of four nodes.
// Must not know: how blocks are found.
#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "numapool/errors.h"
#include "numapool/placement.h"

#include "os/virtual_memory.h"
#include "played_pool.h"
#include "pool/failure_message.h"

namespace numapool::detail {
namespace {

class StrictBinding : public testing::TestWithParam<std::size_t> {
protected:
    static PoolOptions strict_options() {
        PoolOptions options = quiet_options();
        options.bind = BindMode::kStrict;
        options.huge_pages = HugePages::kNever;
        return options;
    }
    static Request strict_on(int node) {
        return {.placement = Placement::on_node(node), .bind = BindMode::kStrict};
    }
    FakeSystemCalls fake_;
};

INSTANTIATE_TEST_SUITE_P(EachTier, StrictBinding, testing::Values(100, 20 * kKiB, 3 * kMiB),
                         [](const auto& tested) { return std::to_string(tested.param) + "Bytes"; });

// F36: told once in a process, so this is the one test here that may look for the message; ctest runs each
// test in a process of its own.
TEST_P(StrictBinding, F36_ARefusedPolicyIsCountedAndToldOnce) {
    const Messages messages;
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    PlayedPool pool;
    const std::size_t told_before = messages.all().size();
    std::vector<void*> blocks;
    for (int i = 0; i < 5; ++i) {
        blocks.push_back(pool.get_on(1, GetParam()));
        ASSERT_NE(blocks.back(), nullptr) << "service goes on";
    }
    EXPECT_EQ(pool->statistics().fallback_allocations, 5U);
    EXPECT_LE(messages.all().size() - told_before, 1U);
    for (const std::string& message : messages.all()) {
        EXPECT_NE(message.find(std::strerror(EPERM)), std::string::npos) << message;
    }
    for (void* block : blocks) PlayedPool::give(block);
}

TEST_P(StrictBinding, F36_EveryBufferOfARefusedPolicyCountsHitsToo) {
    const Messages messages;
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    PlayedPool pool;
    for (int i = 0; i < 5; ++i) PlayedPool::give(pool.get(GetParam()));
    EXPECT_EQ(pool->statistics().cache_hits, 4U);
    EXPECT_EQ(pool->statistics().fallback_allocations, 5U);
}

TEST_P(StrictBinding, EveryPageIsLookedUpAndCounted) {
    PlayedPool pool(strict_options());
    void* block = pool.get_on(2, GetParam());
    ASSERT_NE(block, nullptr);
    EXPECT_GT(FakeSystemCalls::count(Call::kLocate), 0U);
    const NodeStatistics node = pool->statistics().nodes[2];
    EXPECT_GE(node.pages_looked_up * os::page_bytes(), GetParam());
    EXPECT_EQ(node.pages_verified, node.pages_looked_up);
    EXPECT_EQ(node.verified_ratio, 1.0);
    PlayedPool::give(block);
}

TEST_P(StrictBinding, ReusedBlocksAreLookedUpAgain) {
    PlayedPool pool(strict_options());
    PlayedPool::give(pool.get_on(2, GetParam()));
    FakeSystemCalls::fill_node(2, 0);  // its pages were moved meanwhile
    EXPECT_EQ(pool.get_on(2, GetParam()), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kPlacementFailed);
}

// F39, as far as it can be played
TEST_P(StrictBinding, F39_AFullNodeIsAnErrorAndNothingCountsAsLive) {
    PlayedPool pool(strict_options());
    FakeSystemCalls::fill_node(1, 3);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(pool.get_on(1, GetParam()), nullptr);
        EXPECT_EQ(pool.failure().code, ErrorCode::kPlacementFailed);
    }
    Statistics statistics = pool->statistics();
    EXPECT_EQ(statistics.live_buffers, 0U);
    EXPECT_EQ(statistics.live_bytes, 0U);
    EXPECT_EQ(statistics.total_allocations, 0U);
    EXPECT_EQ(statistics.idle_bytes, statistics.memory_usage_bytes);
    EXPECT_LT(statistics.nodes[1].verified_ratio, 1.0);
    EXPECT_GT(statistics.nodes[1].pages_looked_up, 0U);
    pool->trim(0, EvictionCause::kTrim);
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 0U) << "nothing counts as held for good";
    FakeSystemCalls::fill_node(-1, -1);
    void* block = pool.get_on(1, GetParam());
    EXPECT_NE(block, nullptr) << "the node has room again";
    PlayedPool::give(block);
    EXPECT_EQ(pool->statistics().live_buffers, 0U) << "what was given up serves again, or is gone";
}

TEST_P(StrictBinding, ARequestCanBeStricterThanItsPoolAndLaxer) {
    PlayedPool advisory;
    PlayedPool strict(strict_options());
    FakeSystemCalls::fill_node(1, 3);
    EXPECT_EQ(advisory.get(GetParam(), strict_on(1)), nullptr);
    void* block = strict.get(GetParam(), {.placement = Placement::on_node(1), .bind = BindMode::kAdvisory});
    EXPECT_NE(block, nullptr);
    PlayedPool::give(block);
}

TEST_P(StrictBinding, InterleavedPagesMayLieOnAnyNodeOfTheSet) {
    PlayedPool pool(strict_options());
    const int nodes[] = {1, 2};
    const Request request{.placement = Placement::interleave(nodes)};
    void* block = pool.get(GetParam(), request);
    ASSERT_NE(block, nullptr);
    PlayedPool::give(block);
    FakeSystemCalls::fill_node(1, 2);
    block = pool.get(GetParam(), request);
    EXPECT_NE(block, nullptr) << "node 2 is one of them";
    PlayedPool::give(block);
    FakeSystemCalls::fill_node(2, 0);
    void* large = pool.get(GetParam() + 8 * kMiB, request);
    EXPECT_EQ(large, nullptr);
}

// F36, F37
TEST_P(StrictBinding, F37_PagesThatCannotBeLookedUpAreAnError) {
    PlayedPool pool(strict_options());
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    FakeSystemCalls::refuse(Call::kGetPolicy, EPERM);
    EXPECT_EQ(pool.get_on(1, GetParam()), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kPlacementFailed);
    EXPECT_EQ(pool->statistics().live_buffers, 0U);
}

TEST_P(StrictBinding, PagesThatCannotBePopulatedAreAnError) {
    PlayedPool pool(strict_options());
    FakeSystemCalls::refuse(Call::kAdvise, ENOMEM);
    EXPECT_EQ(pool.get_on(1, GetParam()), nullptr);
    EXPECT_EQ(pool->statistics().live_buffers, 0U);
}

TEST(Messages, NameTheValueAndWhatWouldBeRight) {
    const FakeSystemCalls fake;
    PlayedPool pool;
    const auto message = [&](const base::Failure& failure) -> std::string {
        try {
            throw_failure(pool.core(), failure);
        } catch (const PoolError& error) {
            EXPECT_EQ(error.code(), failure.code);
            return error.message();
        }
        return "";
    };
    EXPECT_NE(message({ErrorCode::kInvalidNode, 0, 9, 0}).find("node 9"), std::string::npos);
    EXPECT_NE(message({ErrorCode::kInvalidNode, 0, 9, 0}).find("0, 1, 2, 3"), std::string::npos);
    EXPECT_NE(message({ErrorCode::kInvalidAlignment, 0, 48, 64}).find("alignment 48; a power"),
              std::string::npos);
    EXPECT_NE(message({ErrorCode::kLimitExceeded, 0, 123, 45}).find("45"), std::string::npos);
    EXPECT_NE(message({ErrorCode::kOutOfMemory, ENOMEM, 123, 0}).find(std::strerror(ENOMEM)),
              std::string::npos);
    EXPECT_THROW(throw_failure(pool.core(), {ErrorCode::kPlacementFailed}), PlacementError);
    EXPECT_THROW(throw_failure(pool.core(), {ErrorCode::kClosed}), ClosedError);
    EXPECT_THROW(throw_failure(pool.core(), {ErrorCode::kInvalidSize}), ArgumentError);
    EXPECT_THROW(throw_failure(pool.core(), {ErrorCode::kLimitExceeded}), OutOfMemoryError);
}

}  // namespace
}  // namespace numapool::detail
