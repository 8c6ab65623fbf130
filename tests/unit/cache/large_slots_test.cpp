// Owns: checks of a thread's large slots: who gets a block, and how well it must fit.
// Must not know: arenas.
#include "cache/large_slots.h"

#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace numapool::cache {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

constexpr auto kLive = arena::SliceEntry::block(32, arena::BlockState::kLive);
constexpr auto kCached = arena::SliceEntry::block(32, arena::BlockState::kCached);

std::atomic<std::uint64_t> entry{kCached.word()};

bool put(LargeSlots& slots, std::uintptr_t block, std::size_t bytes) {
    return slots.put(block, {bytes, &entry});
}
std::uintptr_t take(LargeSlots& slots, std::size_t bytes, std::size_t alignment) {
    return slots.take(bytes, alignment).block;
}

TEST(LargeSlots, HoldNoMoreThanTheirLimit) {
    LargeSlots slots;
    EXPECT_FALSE(put(slots, 0x10000, kMiB));
    slots.set_limit(2);
    EXPECT_TRUE(put(slots, 0x10000, kMiB));
    EXPECT_TRUE(put(slots, 0x20000, kMiB));
    EXPECT_FALSE(put(slots, 0x30000, kMiB));
    EXPECT_EQ(slots.filled(), 2U);
    KeptBlock evicted;
    EXPECT_NE(slots.evict(evicted), 0U);
    EXPECT_TRUE(put(slots, 0x30000, kMiB));
}

TEST(LargeSlots, ABlockServesWhatItWasCutForOnly) {
    LargeSlots slots;
    slots.set_limit(1);
    ASSERT_TRUE(put(slots, 0x100000, 8 * kMiB));
    for (const std::size_t other : {8 * kMiB + 1, 8 * kMiB - base::kSliceBytes, 7 * kMiB, kMiB + 1}) {
        EXPECT_EQ(take(slots, other, 64), 0U) << other;
    }
    EXPECT_EQ(take(slots, 8 * kMiB, 64), 0x100000U);
    ASSERT_TRUE(put(slots, 0x100000, 8 * kMiB));
    EXPECT_EQ(take(slots, 8 * kMiB - base::kSliceBytes + 1, 64), 0x100000U);
}

// F02: the difference of sizes must not wrap round to a small number.
TEST(LargeSlots, F02_NoBlockFitsASizeNearTheEndOfNumbers) {
    LargeSlots slots;
    slots.set_limit(1);
    ASSERT_TRUE(put(slots, 0x100000, 2 * kMiB));
    constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
    for (const std::size_t bytes : {kMost, kMost - 1, kMost / 10 * 9, kMost / 2}) {
        EXPECT_EQ(take(slots, bytes, 64), 0U) << bytes;
    }
}

TEST(LargeSlots, TakesOnlyWhatIsAligned) {
    LargeSlots slots;
    slots.set_limit(2);
    ASSERT_TRUE(put(slots, 0x110000, kMiB));
    EXPECT_EQ(take(slots, kMiB, 0x20000), 0U);
    ASSERT_TRUE(put(slots, 0x120000, kMiB));
    EXPECT_EQ(take(slots, kMiB, 0x20000), 0x120000U);
}

TEST(LargeSlots, TellWhatTheyKnowOfABlock) {
    LargeSlots slots;
    slots.set_limit(1);
    std::atomic<std::uint64_t> word{kLive.word()};
    ASSERT_TRUE(slots.put_live(0x100000, word, kLive));
    EXPECT_EQ(word.load(), kCached.word());
    const auto taken = slots.take(2 * kMiB - 1, 64);
    ASSERT_EQ(taken.block, 0x100000U);
    EXPECT_EQ(taken.bytes, 2 * kMiB);
    EXPECT_EQ(word.load(), kLive.word());
}

// F18: whatever another thread that returned the block has made of it since it was seen live.
TEST(LargeSlots, F18_WhatAnotherThreadReturnedIsNotKept) {
    LargeSlots slots;
    slots.set_limit(1);
    for (const arena::SliceEntry now :
         {kCached, arena::SliceEntry(), arena::SliceEntry::free_run(64, arena::RunKind::kIdle),
          arena::SliceEntry::block(16, arena::BlockState::kLive)}) {
        std::atomic<std::uint64_t> word{now.word()};
        EXPECT_FALSE(slots.put_live(0x200000, word, kLive));
        EXPECT_EQ(word.load(), now.word());
        EXPECT_EQ(slots.filled(), 0U);
    }
}

TEST(LargeSlots, WhatFindsNoSlotIsLiveAsBefore) {
    LargeSlots slots;
    std::atomic<std::uint64_t> word{kLive.word()};
    EXPECT_FALSE(slots.put_live(0x200000, word, kLive));
    EXPECT_EQ(word.load(), kLive.word());
}

TEST(LargeSlots, OwnerAndThievesNeverGetTheSameBlock) {
    ASSERT_TRUE(os::have_process_barrier()) << "the system refuses membarrier(): slots stay unused here";
    LargeSlots slots;
    slots.set_limit(LargeSlots::kSlots);
    constexpr std::uintptr_t kBlocks = 4000;
    std::vector<std::atomic<int>> taken(kBlocks + 1);
    std::atomic<bool> done{false};
    std::atomic<int> stolen{0};
    std::mutex one_at_a_time;
    const auto note = [&](std::uintptr_t block) {
        if (block != 0) ++taken[block >> 16];
    };
    std::vector<std::thread> thieves;
    for (int t = 0; t < 2; ++t) {
        thieves.emplace_back([&] {
            while (!done) {
                {
                    const std::lock_guard lock(one_at_a_time);
                    slots.steal([&](std::uintptr_t block, const KeptBlock&) {
                        ++stolen;
                        note(block);
                    });
                }
                std::this_thread::yield();
            }
        });
    }
    for (std::uintptr_t next = 1; next <= kBlocks;) {
        if (put(slots, next << 16, kMiB)) ++next;
        if (next % 3 == 0) note(take(slots, kMiB, 64));
        if (KeptBlock evicted; next % 5 == 0) note(slots.evict(evicted));
        if (next % 7 == 0) slots.empty([&](std::uintptr_t block, const KeptBlock&) { note(block); });
    }
    done = true;
    for (std::thread& thief : thieves) thief.join();
    slots.empty([&](std::uintptr_t block, const KeptBlock&) { note(block); });
    EXPECT_GT(stolen, 0);
    for (std::uintptr_t block = 1; block <= kBlocks; ++block) ASSERT_EQ(taken[block], 1) << block;
}

}  // namespace
}  // namespace numapool::cache
