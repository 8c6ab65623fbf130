// Owns: checks of the budget of ready blocks.
// Must not know: who keeps them.
#include "cache/ready_budget.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace numapool::cache {
namespace {

TEST(Allowance, IsDrawnInWholeTimes) {
    Allowance allowance;
    EXPECT_EQ(allowance.draw(1, 1), 0U);
    allowance.reset(1000);
    EXPECT_EQ(allowance.draw(64, 4), 4U);
    EXPECT_EQ(allowance.drawn(), 256U);
    EXPECT_EQ(allowance.draw(300, 9), 2U);
    EXPECT_EQ(allowance.draw(300, 9), 0U) << "144 are left";
    EXPECT_EQ(allowance.draw(144, 1), 1U);
    EXPECT_EQ(allowance.draw(1, 1), 0U);
    allowance.give_back(64);
    EXPECT_EQ(allowance.draw(64, 9), 1U);
    EXPECT_EQ(allowance.drawn(), 1000U);
}

TEST(Allowance, NeverGrantsMoreThanThereIsWhateverThreadsDo) {
    Allowance allowance;
    allowance.reset(7);
    std::atomic<std::size_t> held{0};
    std::atomic<bool> passed{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20000; ++i) {
                const std::size_t got = allowance.draw(2, 3) * 2;
                if (held.fetch_add(got) + got > 7) passed = true;
                held.fetch_sub(got);
                allowance.give_back(got);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(passed);
    EXPECT_EQ(allowance.drawn(), 0U);
}

}  // namespace
}  // namespace numapool::cache
