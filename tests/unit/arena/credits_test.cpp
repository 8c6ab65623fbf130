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
    EXPECT_EQ(credits.add(1, 3), 0U);
    EXPECT_EQ(credits.add(2, 3), 0U);
    EXPECT_EQ(credits.add(4, 3), 0U);
    EXPECT_EQ(credits.add(8, 3), 1U);
    EXPECT_EQ(credits.count(), 3U);
    credits.consume_newest();
    EXPECT_EQ(credits.add(16, 3), 0U);
    EXPECT_EQ(credits.add(32, 3), 2U);
    credits.release();
}

TEST(Credits, ASmallerLimitLapsesSeveral) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(4));
    for (const std::size_t bytes : {1U, 2U, 4U, 8U}) credits.add(bytes, 4);
    EXPECT_EQ(credits.add(16, 2), 1U + 2U + 4U);
    EXPECT_EQ(credits.count(), 2U);
    EXPECT_EQ(credits.add(32, 0), 8U + 16U + 32U) << "none may be held";
    EXPECT_EQ(credits.count(), 0U);
    credits.release();
}

TEST(Credits, WithoutRoomEveryReturnLapses) {
    Credits credits;
    ASSERT_TRUE(credits.reserve(0));
    EXPECT_EQ(credits.add(7, 0), 7U);
    credits.consume_newest();
    EXPECT_EQ(credits.count(), 0U);
    credits.release();
}

TEST(CommitBudget, IsExactAtItsLimit) {
    CommitBudget budget(100);
    EXPECT_TRUE(budget.charge(60));
    EXPECT_FALSE(budget.charge(41));
    EXPECT_TRUE(budget.charge(40));
    EXPECT_FALSE(budget.charge(1));
    EXPECT_EQ(budget.committed(), 100U);
    budget.uncharge(100);
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
