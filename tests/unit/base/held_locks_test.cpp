// Owns: checks of the count of locks that a thread holds.
// Must not know: who holds them.
#include "base/held_locks.h"

#include <thread>

#include <gtest/gtest.h>

namespace numapool::base {
namespace {

// F31
TEST(HeldLocks, F31_EveryWayToHoldOneCounts) {
    Mutex first;
    Mutex second;
    EXPECT_FALSE(holds_locks());
    {
        const std::lock_guard lock(first);
        EXPECT_TRUE(holds_locks());
        {
            const std::unique_lock tried(second, std::try_to_lock);
            ASSERT_TRUE(tried);
            EXPECT_EQ(held_locks, 2);
        }
        EXPECT_EQ(held_locks, 1);
        std::thread([&] {
            EXPECT_FALSE(holds_locks()) << "each thread has its own";
            const std::unique_lock tried(first, std::try_to_lock);
            EXPECT_FALSE(tried);
            EXPECT_FALSE(holds_locks()) << "what was not had is not held";
        }).join();
    }
    EXPECT_FALSE(holds_locks());
}

}  // namespace
}  // namespace numapool::base
