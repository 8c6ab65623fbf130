// Owns: checks of what the first thread to ask makes.
// Must not know: what it is for.
#include "base/made_once.h"

#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace numapool::base {
namespace {

TEST(MadeOnce, IsMadeByOneThreadAndSeenByAll) {
    MadeOnce<int> once;
    std::atomic<int> made{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            const int* seen = once.get([&] {
                static int value = 0;
                value = ++made;
                return &value;
            });
            wrong += *seen != 1;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(wrong, 0);
}

TEST(MadeOnce, IsTriedAgainWhereItFailed) {
    MadeOnce<int> once;
    static const int kValue = 7;
    EXPECT_EQ(once.get([] { return static_cast<const int*>(nullptr); }), nullptr);
    EXPECT_THROW(once.get([]() -> const int* { throw std::bad_alloc(); }), std::bad_alloc);
    EXPECT_EQ(once.get([] { return &kValue; }), &kValue);
    EXPECT_EQ(once.get([] { return static_cast<const int*>(nullptr); }), &kValue);
}

// F20: a fork waits for who is making it.
TEST(MadeOnce, F20_IsNotHalfMadeWhileItIsLocked) {
    MadeOnce<int> once;
    static const int kValue = 7;
    std::atomic<bool> making{false};
    std::atomic<bool> made{false};
    std::thread thread([&] {
        once.get([&] {
            making = true;
            for (int i = 0; i < 1000; ++i) std::this_thread::yield();
            made = true;
            return &kValue;
        });
    });
    while (!making) std::this_thread::yield();
    once.lock();
    EXPECT_TRUE(made);
    once.unlock();
    thread.join();
}

}  // namespace
}  // namespace numapool::base
