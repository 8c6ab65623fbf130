// Owns: checks of one node's memory: large blocks, what is counted as committed, refusals of the system.
// Must not know: threads, pools. Giving back is in idle_release_test.cpp.
#include "arena/node_arena.h"

#include <sys/mman.h>

#include <cerrno>

#include "arena_fixture.h"
#include "fakes/fake_system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

class NodeArenaTest : public ArenaFixture {};

TEST_F(NodeArenaTest, CostsNothingBeforeItsFirstBlock) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    EXPECT_EQ(FakeSystemCalls::count(Call::kMap), 0U);
    EXPECT_EQ(arena.committed_bytes(), 0U);
    EXPECT_EQ(arena.resident_bytes(), 0U);
}

TEST_F(NodeArenaTest, NewBlocksAreZeroAndReusedOnesAreNot) {
    auto made = arena_.take_new_block(3 * kMiB, 64);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->reused_bytes, 0U);
    EXPECT_TRUE(reads_zero(*made));
    std::memset(reinterpret_cast<void*>(made->address), 1, made->bytes);
    put(arena_, *made);
    const Extent again = arena_.take_idle_block(3 * kMiB, 64);
    EXPECT_EQ(again.address, made->address);
    EXPECT_TRUE(again.reused());
}

TEST_F(NodeArenaTest, LargeBlocksCountUntilTheyArePutBack) {
    EXPECT_EQ(arena_.large_blocks(), 0U);
    const Extent block = take_new(arena_, 3 * kMiB);
    const Extent behind = take_new(arena_, 2 * kMiB);
    EXPECT_EQ(arena_.large_blocks(), 2U);
    put(arena_, block);
    EXPECT_TRUE(change_block(behind.address, BlockState::kLive, BlockState::kCached));
    EXPECT_FALSE(change_block(behind.address, BlockState::kLive, BlockState::kCached));
    EXPECT_EQ(arena_.large_blocks(), 1U) << "on its way";
    arena_.put_block(*find_range(behind.address), find_range(behind.address)->index_of(behind.address),
                     behind.bytes, 0);
    EXPECT_EQ(arena_.large_blocks(), 0U);
}

TEST_F(NodeArenaTest, MemoryGivenBackReadsZeroAndIsNotCalledReused) {
    const Extent block = take_new(arena_, 8 * kMiB);
    const Extent behind = take_new(arena_, 2 * kMiB);
    put(arena_, block);
    ASSERT_EQ(arena_.release_idle(4 * kMiB, ReleaseScope::kGranules, EvictionCause::kTrim), 4 * kMiB);
    auto next = arena_.take_new_block(4 * kMiB, 64);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->reused_bytes, 0U);
    EXPECT_TRUE(reads_zero(*next));
    put(arena_, behind);
}

TEST_F(NodeArenaTest, CountsWhatIsCommitted) {
    const Extent a = take_new(arena_, 2 * kMiB + 1);
    EXPECT_EQ(a.bytes, 2 * kMiB + base::kSliceBytes);
    EXPECT_EQ(arena_.committed_bytes(), a.bytes);
    EXPECT_EQ(budget_.committed(), a.bytes);
    put(arena_, a);
    EXPECT_EQ(arena_.committed_bytes(), a.bytes) << "idle memory is committed";
    const Extent half = arena_.take_idle_block(kMiB + 1, 64);
    EXPECT_NE(half.address, 0U);
    EXPECT_LE((half.bytes - kMiB - 1) * 8, kMiB + 1) << "split: the waste is bounded";
    EXPECT_EQ(arena_.committed_bytes(), a.bytes);
    EXPECT_EQ(arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim),
              a.bytes - half.bytes);
    EXPECT_EQ(arena_.committed_bytes(), half.bytes);
}

TEST_F(NodeArenaTest, WasteOfLargeBlocksIsAtMostAnEighth) {
    put(arena_, take_new(arena_, 64 * kMiB));
    for (std::size_t bytes = kMiB + 1; bytes < 40 * kMiB; bytes += 777777) {
        const Extent reused = arena_.take_idle_block(bytes, 64);
        ASSERT_NE(reused.address, 0U);
        EXPECT_GE(reused.bytes, bytes);
        EXPECT_LE((reused.bytes - bytes) * 8, bytes);
        put(arena_, reused);
    }
}

TEST_F(NodeArenaTest, AlignsUpToTheStepOfRanges) {
    take_new(arena_, kMiB + 1);
    for (std::size_t alignment = 64; alignment <= 64 * kMiB; alignment *= 4) {
        const Extent block = take_new(arena_, kMiB + 1, alignment);
        EXPECT_EQ(block.address % alignment, 0U) << alignment;
        put(arena_, block);
        const Extent again = arena_.take_idle_block(kMiB + 1, alignment);
        EXPECT_NE(again.address, 0U) << "an aligned block that came back serves the same request";
        EXPECT_EQ(again.address % alignment, 0U);
    }
    auto giant = arena_.take_new_block(kMiB + 1, kGiB);
    ASSERT_TRUE(giant);
    EXPECT_EQ(giant->address % kGiB, 0U);
}

TEST_F(NodeArenaTest, TakesAnotherRangeWhenOneIsFull) {
    auto a = arena_.take_new_block(900 * kMiB, 64);
    auto b = arena_.take_new_block(200 * kMiB, 64);
    auto c = arena_.take_new_block(kGiB + kMiB, 64);
    ASSERT_TRUE(a);
    ASSERT_TRUE(b);
    ASSERT_TRUE(c) << "a block may be larger than a range is at first";
    EXPECT_NE(find_range(a->address), find_range(b->address));
    EXPECT_EQ(find_range(c->address), find_range(c->address + c->bytes - 1));
}

TEST_F(NodeArenaTest, GrowsWritableMemoryInSteps) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    ASSERT_TRUE(arena.initialize());
    for (int i = 0; i < 3; ++i) take_new(arena, kMiB + 1);
    EXPECT_EQ(FakeSystemCalls::count(Call::kProtect), 1U) << "three blocks lie in the first 4 MiB";
    take_new(arena, kMiB + 1);
    EXPECT_EQ(FakeSystemCalls::count(Call::kProtect), 2U);
}

TEST_F(NodeArenaTest, AsksForNoMoreThanNeededWhereMoreIsRefused) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM, 1, 1);
    EXPECT_TRUE(arena.take_new_block(kMiB + 1, 64));
}

// F33
TEST_F(NodeArenaTest, F33_RefusedMprotectLosesNothing) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
    auto made = arena.take_new_block(8 * kMiB, 64);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.failure().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(made.failure().system_error, ENOMEM);
    EXPECT_EQ(arena.committed_bytes(), 0U);
    EXPECT_EQ(budget_.committed(), 0U);
    EXPECT_EQ(budget_.peak(), 0U) << "memory that was never had is no peak";
    FakeSystemCalls::allow_all();
    EXPECT_TRUE(arena.take_new_block(8 * kMiB, 64));
    EXPECT_EQ(budget_.committed(), 8 * kMiB);
}

// F33
TEST_F(NodeArenaTest, F33_RefusedMmapLosesNothing) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    EXPECT_FALSE(arena.initialize());
    EXPECT_FALSE(arena.take_new_block(8 * kMiB, 64));
    EXPECT_EQ(budget_.committed(), 0U);
    FakeSystemCalls::allow_all();
    EXPECT_TRUE(arena.take_new_block(8 * kMiB, 64));
}

// F32
TEST_F(NodeArenaTest, F32_EveryRefusedCallLeavesTheArenaUsable) {
    FakeSystemCalls fake;
    for (const Call call : {Call::kMap, Call::kProtect}) {
        for (std::uint64_t nth = 1; nth < 8; ++nth) {
            CommitBudget budget(CommitBudget::kUnlimited);
            NodeArena arena(settings(budget));
            FakeSystemCalls::refuse(call, ENOMEM, nth, 1);
            const std::uint32_t size_class = base::size_class(5000);
            std::size_t served = 0;
            for (int i = 0; i < 40; ++i) {
                served += arena.bin(size_class).take_new(arena, size_class).ok() ? std::size_t{5120} : 0;
                auto large = arena.take_new_block(3 * kMiB, 64);
                if (large) served += large->bytes;
            }
            EXPECT_GE(budget.committed(), served);
            EXPECT_LT(budget.committed(), served + 5 * base::kSliceBytes);
            EXPECT_EQ(budget.committed(), arena.committed_bytes());
            FakeSystemCalls::allow_all();
            EXPECT_TRUE(arena.take_new_block(3 * kMiB, 64));
            EXPECT_TRUE(arena.bin(size_class).take_new(arena, size_class));
        }
    }
}

TEST_F(NodeArenaTest, OnePolicyCallForEachRange) {
    FakeSystemCalls fake;
    ArenaSettings with_policy = settings(budget_);
    with_policy.home = PageHome::on_node(3);
    NodeArena arena(with_policy);
    auto a = arena.take_new_block(700 * kMiB, 64);
    auto b = arena.take_new_block(200 * kMiB, 64);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 1U);
    ASSERT_TRUE(arena.take_new_block(500 * kMiB, 64));
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 2U);
    for (const auto& bound : FakeSystemCalls::binds()) EXPECT_EQ(bound.nodes, std::vector{3});
    put(arena, *a);
    EXPECT_NE(arena.take_idle_block(700 * kMiB, 64).address, 0U);
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 2U);
    EXPECT_EQ(arena.policy_error(), 0);
}

TEST_F(NodeArenaTest, ARefusedPolicyIsRememberedAndServiceGoesOn) {
    FakeSystemCalls fake;
    ArenaSettings with_policy = settings(budget_);
    with_policy.home = PageHome::on_node(3);
    NodeArena arena(with_policy);
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    EXPECT_TRUE(arena.take_new_block(2 * kMiB, 64));
    EXPECT_EQ(arena.policy_error(), EPERM);
}

TEST_F(NodeArenaTest, AsksForHugePagesOnlyWhereThePolicySaysSo) {
    FakeSystemCalls fake;
    const auto advised = [&](HugePages mode, std::size_t bytes) {
        ArenaSettings with_mode = settings(budget_);
        with_mode.huge_pages = mode;
        NodeArena arena(with_mode);
        const std::uint64_t before = FakeSystemCalls::count(Call::kAdvise);
        EXPECT_TRUE(arena.take_new_block(bytes, 64));
        EXPECT_TRUE(arena.take_new_block(bytes, 64));
        return FakeSystemCalls::count(Call::kAdvise) - before;
    };
    EXPECT_EQ(advised(HugePages::kAuto, kMiB + 1), 0U) << "too small for a huge page";
    EXPECT_EQ(advised(HugePages::kAuto, 4 * kMiB), 2U);
    EXPECT_EQ(advised(HugePages::kNever, 4 * kMiB), 1U) << "ruled out once for the range";
    EXPECT_EQ(advised(HugePages::kAlways, kMiB + 1), 1U);
}

TEST_F(NodeArenaTest, RecordsAreASmallPartOfWhatTheyDescribe) {
    ASSERT_TRUE(arena_.take_new_block(256 * kMiB, 64));
    EXPECT_LT(arena_.metadata_bytes() * 100, 256 * kMiB);
}

}  // namespace
}  // namespace numapool::arena
