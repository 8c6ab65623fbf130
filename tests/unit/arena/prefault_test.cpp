// Owns: checks of memory that is faulted in ahead: what it counts as, and that all of it reads zero.
// Must not know: who faults it in; pools.
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "arena_fixture.h"
#include "fakes/fake_system_calls.h"

namespace numapool::arena {
namespace {

using fakes::FakeSystemCalls;

class PrefaultTest : public ArenaFixture {};

TEST_F(PrefaultTest, IsResidentAndNotAHit) {
    ASSERT_TRUE(prefault(arena_, 10 * kMiB));
    EXPECT_EQ(arena_.committed_bytes(), 10 * kMiB);
    EXPECT_EQ(arena_.resident_bytes(), 10 * kMiB);
    EXPECT_EQ(arena_.take_idle_block(4 * kMiB, 64).address, 0U);
    auto block = arena_.take_new_block(4 * kMiB, 64);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->reused_bytes, 0U);
    EXPECT_TRUE(reads_zero(*block));
    EXPECT_EQ(arena_.committed_bytes(), 10 * kMiB);
}

TEST_F(PrefaultTest, AddsOnlyWhatLacksAndTheWholeIsOneRun) {
    ASSERT_TRUE(prefault(arena_, 10 * kMiB));
    ASSERT_TRUE(prefault(arena_, 10 * kMiB));
    EXPECT_EQ(arena_.committed_bytes(), 10 * kMiB);
    ASSERT_TRUE(prefault(arena_, 16 * kMiB));
    EXPECT_EQ(arena_.committed_bytes(), 16 * kMiB);
    EXPECT_EQ(budget_.peak(), 16 * kMiB);
    ASSERT_TRUE(arena_.take_new_block(16 * kMiB, 64));
    EXPECT_EQ(arena_.committed_bytes(), 16 * kMiB);
}

TEST_F(PrefaultTest, StartsWithAGranule) {
    take_new(arena_, kMiB + 1);
    ASSERT_TRUE(prefault(arena_, 8 * kMiB));
    auto block = arena_.take_new_block(8 * kMiB, 64);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->address % base::kGranuleBytes, 0U);
    EXPECT_TRUE(prefault(arena_, kMiB));
    EXPECT_EQ(arena_.committed_bytes(), kMiB + base::kSliceBytes + 9 * kMiB) << "no more than was asked for";
}

TEST_F(PrefaultTest, WhatWasRefusedIsNotCounted) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    FakeSystemCalls::refuse_advice(MADV_POPULATE_WRITE, ENOMEM);
    auto done = prefault(arena, 10 * kMiB);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.failure().system_error, ENOMEM);
    EXPECT_EQ(arena.committed_bytes(), 0U);
    EXPECT_EQ(budget_.committed(), 0U);
    EXPECT_EQ(budget_.peak(), 0U);
    FakeSystemCalls::allow_all();
    EXPECT_TRUE(prefault(arena, 10 * kMiB));
}

TEST_F(PrefaultTest, WhatTheSystemWillNotHaveBackStaysAndIsCounted) {
    FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    auto run = arena.begin_prefault(8 * kMiB);
    ASSERT_TRUE(run);
    ASSERT_EQ(os::populate(run->address(), 4 * kMiB), 0) << "the first half was had";
    FakeSystemCalls::refuse_advice(MADV_DONTNEED, EINVAL);
    arena.finish_prefault(*run, false);
    EXPECT_EQ(arena.committed_bytes(), 8 * kMiB);
    EXPECT_EQ(budget_.peak(), 8 * kMiB);
    auto block = arena.take_new_block(8 * kMiB, 64);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->address, run->address());
    EXPECT_EQ(block->reused_bytes, 0U);
    EXPECT_TRUE(reads_zero(*block));
}

TEST_F(PrefaultTest, TheUnusedEndOfASlabStaysPrefaulted) {
    ASSERT_TRUE(prefault(arena_, 4 * kMiB));
    const std::uint32_t size_class = base::size_class(200 << 10);
    SlabBin& bin = arena_.bin(size_class);
    auto block = bin.take_new(arena_, size_class);
    ASSERT_TRUE(block);
    EXPECT_FALSE(block->reused);
    const Extent all{block->address, base::class_bytes(size_class)};
    EXPECT_TRUE(reads_zero(all));
    std::memset(reinterpret_cast<void*>(all.address), 0xAB, all.bytes);
    bin.put(arena_, &block->address, 1);
    bin.retire_empty(arena_, 0, 0);
    EXPECT_EQ(arena_.committed_bytes(), 4 * kMiB);
    // More than what no slab was made of.
    auto rest = arena_.take_new_block(4 * kMiB - 4 * base::kSliceBytes, 64);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->reused_bytes, 0U);
    EXPECT_TRUE(reads_zero(*rest));
    EXPECT_EQ(arena_.committed_bytes(), 4 * kMiB) << "it is the memory that was prefaulted";
}

TEST_F(PrefaultTest, ABlockOfIdleAndVacantMemoryNamesItsIdlePart) {
    for (const bool idle_comes_first : {true, false}) {
        NodeArena arena(settings(budget_));
        const Extent first = take_new(arena, 4 * kMiB);
        const Extent second = take_new(arena, 4 * kMiB);
        take_new(arena, 2 * kMiB);
        put(arena, idle_comes_first ? second : first);
        ASSERT_EQ(arena.release_idle(4 * kMiB, ReleaseScope::kGranules, EvictionCause::kTrim), 4 * kMiB);
        put(arena, idle_comes_first ? first : second);
        auto joined = arena.take_new_block(6 * kMiB, 64);
        ASSERT_TRUE(joined);
        EXPECT_EQ(joined->reused_bytes, 4 * kMiB);
        EXPECT_EQ(joined->zero_until, idle_comes_first ? 0U : 2 * kMiB);
        EXPECT_FALSE(reads_zero({joined->address + joined->zero_until, os::page_bytes()}));
        EXPECT_TRUE(reads_zero({joined->address + (idle_comes_first ? 4 * kMiB : 0), 2 * kMiB}));
    }
}

// F20: what is set aside while a process forks belongs to nobody in the child.
TEST_F(PrefaultTest, F20_AForkWaitsForWhatIsSetAside) {
    auto run = arena_.begin_prefault(4 * kMiB);
    ASSERT_TRUE(run);
    std::atomic<bool> begun{false};
    std::atomic<bool> locked{false};
    std::atomic<bool> back{false};
    bool in_time = true;
    std::thread forking([&] {
        begun = true;
        arena_.lock_all();
        locked = true;
        in_time = back;
        arena_.unlock_all();
    });
    while (!begun) std::this_thread::yield();
    for (int i = 0; i < 10'000 && !locked; ++i) std::this_thread::yield();  // time for it to be wrong
    back = true;
    arena_.finish_prefault(*run, false);
    forking.join();
    EXPECT_TRUE(in_time);
}

}  // namespace
}  // namespace numapool::arena
