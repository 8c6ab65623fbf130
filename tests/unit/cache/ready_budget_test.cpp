// Owns: checks of the budget of ready blocks.
// Must not know: who keeps them.
#include "cache/tier_budget.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace numapool::cache {
namespace {

TEST(TierBudget, IsDrawnDownTierByTier) {
    TierBudget budget;
    budget.reset(10, 5, 0);
    EXPECT_EQ(budget.draw(Tier::kSmall, 4), 4U);
    EXPECT_EQ(budget.draw(Tier::kSmall, 100), 6U);
    EXPECT_EQ(budget.draw(Tier::kSmall, 1), 0U);
    EXPECT_EQ(budget.granted(Tier::kSmall), 10U);
    EXPECT_EQ(budget.draw(Tier::kLarge, 1), 0U);
    EXPECT_EQ(budget.granted(Tier::kMedium), 0U);
    budget.give_back(Tier::kSmall, 3);
    EXPECT_EQ(budget.draw(Tier::kSmall, 9), 3U);
}

TEST(TierBudget, NeverGrantsMoreThanThereIsWhateverThreadsDo) {
    TierBudget budget;
    budget.reset(7, 0, 0);
    std::atomic<std::size_t> held{0};
    std::atomic<bool> passed{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; ++i) {
                const std::size_t got = budget.draw(Tier::kSmall, 3);
                if (held.fetch_add(got) + got > 7) passed = true;
                held.fetch_sub(got);
                budget.give_back(Tier::kSmall, got);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(passed);
    EXPECT_EQ(budget.granted(Tier::kSmall), 0U);
}

}  // namespace
}  // namespace numapool::cache
