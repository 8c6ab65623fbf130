// Owns: checks of credits and of the commit budget, the two bounds an arena works under.
// Must not know: memory.
#include "arena/credits.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "arena/commit_budget.h"

namespace numapool::arena {
namespace {

TEST(Credits, LoseTheOldestWhenFull) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(3));
    for (const std::size_t bytes : {1U, 2U, 4U}) credits.add(bytes, 3);
    EXPECT_EQ(credits.call_in(1, false), 0U);
    credits.add(8, 3);
    EXPECT_EQ(credits.call_in(1, false), 1U);
    EXPECT_EQ(credits.count(), 3U);
    credits.consume(8);
    credits.add(16, 3);
    EXPECT_EQ(credits.call_in(1, false), 0U);
    credits.add(32, 3);
    EXPECT_EQ(credits.call_in(1, false), 2U);
    credits.release();
}

TEST(Credits, ASmallerLimitLapsesSeveral) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(4));
    for (const std::size_t bytes : {1U, 2U, 4U, 8U}) credits.add(bytes, 4);
    credits.add(16, 2);
    EXPECT_EQ(credits.call_in(1, false), 1U + 2U + 4U);
    EXPECT_EQ(credits.count(), 2U);
    credits.add(32, 0);
    EXPECT_EQ(credits.call_in(1, false), 8U + 16U + 32U) << "none may be held";
    EXPECT_EQ(credits.count(), 0U);
    credits.release();
}

TEST(Credits, WithoutRoomEveryReturnLapses) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(0));
    credits.add(7, 0);
    EXPECT_TRUE(credits.due(7));
    EXPECT_FALSE(credits.due(8));
    EXPECT_EQ(credits.call_in(2, false), 6U) << "in whole units";
    credits.consume(7);
    EXPECT_FALSE(credits.due(1));
    EXPECT_EQ(credits.count(), 0U);
    credits.release();
}

TEST(Credits, WhatLapsedStaysForAWhileForWhoeverNeedsIt) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(2));
    const auto step = [&] {  // four buffers come back, then all are taken again
        for (int i = 0; i < 4; ++i) credits.add(10, 2);
        for (int i = 0; i < 4; ++i) credits.consume(10);
    };
    step();
    step();
    EXPECT_EQ(credits.call_in(1, true), 0U);
    for (int i = 0; i < 4; ++i) credits.add(10, 2);
    EXPECT_EQ(credits.call_in(1, true), 0U) << "idle since a moment ago";
    credits.consume(10);
    credits.consume(10);
    credits.consume(5);
    EXPECT_EQ(credits.call_in(1, true), 15U) << "what was never needed meanwhile";
    EXPECT_EQ(credits.call_in(1, true), 0U);
    credits.release();
}

TEST(Credits, WhatIsNotThereIsNotCalledIn) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(2));
    for (int i = 0; i < 4; ++i) credits.add(10, 2);
    credits.shrink(25);
    EXPECT_EQ(credits.count(), 2U);
    EXPECT_EQ(credits.call_in(1, false), 5U);
    credits.shrink(12);
    EXPECT_EQ(credits.count(), 1U);
    credits.release();
}

TEST(CommitBudget, IsExactAtItsLimit) {
    CommitBudget budget(100);
    EXPECT_TRUE(budget.charge(60));
    EXPECT_FALSE(budget.charge(41));
    EXPECT_TRUE(budget.charge(40));
    EXPECT_FALSE(budget.charge(1));
    EXPECT_EQ(budget.committed(), 100U);
    budget.refund(100);
    EXPECT_FALSE(budget.charge(~std::size_t{0})) << "no overflow";
    EXPECT_EQ(budget.committed(), 0U);
}

TEST(CommitBudget, NeverPassesItsLimitWhateverThreadsDo) {
    CommitBudget budget(1000);
    std::vector<std::thread> threads;
    std::atomic<bool> passed{false};
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; ++i) {
                if (!budget.charge(300)) continue;
                if (budget.committed() > 1000) passed = true;
                budget.confirm(300);
                budget.uncharge(300);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(passed);
    EXPECT_EQ(budget.committed(), 0U);
}

}  // namespace
}  // namespace numapool::arena
