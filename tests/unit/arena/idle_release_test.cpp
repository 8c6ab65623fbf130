// Owns: checks of giving idle memory back: which goes first, decay over made-up time, refusals.
// Must not know: who asks for it.
#include <sys/mman.h>

#include <cerrno>

#include "arena_fixture.h"
#include "fakes/fake_system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

class IdleReleaseTest : public ArenaFixture {
protected:
    /// Says when the granules of [address, address + bytes) became idle.
    static void set_idle_since(const Extent& block, std::uint32_t when) {
        AddressRange& range = *find_range(block.address);
        const std::size_t first = range.index_of(block.address) / base::kSlicesPerGranule;
        for (std::size_t g = 0; g < block.bytes / base::kGranuleBytes; ++g) {
            range.idle_since[first + g] = when;
        }
    }
    static std::uint32_t idle_since(const Extent& block) {
        AddressRange& range = *find_range(block.address);
        return range.idle_since[range.index_of(block.address) / base::kSlicesPerGranule];
    }
    static std::uint32_t now() { return static_cast<std::uint32_t>(os::coarse_milliseconds()); }
    static bool resident(const Extent& block) {
        return os::resident_bytes(block.address, block.bytes) == block.bytes;
    }
    std::size_t release(std::size_t bytes) {
        return arena_.release_idle(bytes, ReleaseScope::kGranules, EvictionCause::kTrim);
    }
};

TEST_F(IdleReleaseTest, TheLongestIdleGoesFirst) {
    const Extent a = take_new(arena_, 4 * kMiB);
    const Extent b = take_new(arena_, 4 * kMiB);
    const Extent c = take_new(arena_, 4 * kMiB);
    for (const Extent& block : {a, b, c}) put(arena_, block);  // one merged run
    set_idle_since(a, now() - 2000);
    set_idle_since(b, now() - 3000);
    set_idle_since(c, now() - 1000);
    EXPECT_EQ(release(4 * kMiB), 4 * kMiB);
    EXPECT_EQ(os::resident_bytes(b.address, b.bytes), 0U);
    EXPECT_TRUE(resident(a) && resident(c));
    EXPECT_EQ(release(1), 2 * kMiB) << "in whole granules";
    EXPECT_FALSE(resident(a));
    EXPECT_TRUE(resident(c));
    EXPECT_EQ(arena_.committed_bytes(), 6 * kMiB);
    EXPECT_EQ(arena_.evicted(EvictionCause::kTrim).bytes, 6 * kMiB);
    EXPECT_EQ(arena_.evicted(EvictionCause::kTrim).events, 2U);
}

TEST_F(IdleReleaseTest, AgesAreRightAcrossTheWrapOfTheClock) {
    const Extent a = take_new(arena_, 2 * kMiB);
    const Extent b = take_new(arena_, 2 * kMiB);
    put(arena_, a);
    put(arena_, b);
    set_idle_since(a, now() - 1000);
    set_idle_since(b, now() - 0x70000000U);  // 21 days ago, and where the clock wraps the number is larger
    EXPECT_EQ(release(2 * kMiB), 2 * kMiB);
    EXPECT_TRUE(resident(a));
}

TEST_F(IdleReleaseTest, SmallRunsGoOnlyWhenAllMayGo) {
    const Extent small = take_new(arena_, kMiB + 1);
    put(arena_, small);
    EXPECT_EQ(release(kMiB), 0U);
    EXPECT_EQ(arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim), small.bytes);
    EXPECT_EQ(arena_.resident_bytes(), 0U);
}

TEST_F(IdleReleaseTest, LiveBlocksKeepEveryByte) {
    std::vector<Extent> live;
    for (int i = 0; i < 6; ++i) {
        live.push_back(take_new(arena_, 3 * kMiB));
        put(arena_, take_new(arena_, 3 * kMiB + static_cast<std::size_t>(i) * base::kSliceBytes));
    }
    arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
    std::size_t bytes = 0;
    for (const Extent& block : live) {
        bytes += block.bytes;
        for (std::size_t i = 0; i < block.bytes; ++i) {
            ASSERT_EQ(reinterpret_cast<const unsigned char*>(block.address)[i], 0xAB);
        }
    }
    EXPECT_EQ(arena_.committed_bytes(), bytes);
}

// F34
TEST_F(IdleReleaseTest, F34_WhatTheSystemWillNotTakeStaysIdleAndCounted) {
    FakeSystemCalls fake;
    const Extent block = take_new(arena_, 8 * kMiB);
    put(arena_, block);
    FakeSystemCalls::refuse_advice(MADV_DONTNEED, EINVAL);
    EXPECT_EQ(release(8 * kMiB), 0U);
    EXPECT_EQ(arena_.committed_bytes(), 8 * kMiB);
    EXPECT_EQ(arena_.evicted(EvictionCause::kTrim).events, 0U);
    FakeSystemCalls::allow_all();
    const Extent again = arena_.take_idle_block(8 * kMiB, 64);
    EXPECT_EQ(again.address, block.address) << "the run is whole and usable";
    EXPECT_TRUE(again.reused());
}

// F43: the kernel may fill vacant memory in where it makes a huge page of a granule that is partly used. When
// the rest of the granule goes, that goes too.
class FilledInTest : public IdleReleaseTest {
protected:
    static ArenaSettings huge_settings(CommitBudget& budget) {
        ArenaSettings result = settings(budget);
        result.huge_pages = HugePages::kAuto;
        return result;
    }
    /// What the kernel does.
    static void fill_in(std::uintptr_t begin, std::uintptr_t end) {
        ASSERT_EQ(os::populate(begin, end - begin), 0);
    }
    std::size_t release_all() {
        return huge_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
    }
    static std::uintptr_t end_of(const Extent& block) { return block.address + block.bytes; }

    NodeArena huge_{huge_settings(budget_)};
    const Extent a_ = take_new(huge_, kMiB + 1);
    const Extent b_ = take_new(huge_, kMiB + 1);
    const Extent c_ = take_new(huge_, kMiB + 1);
};

TEST_F(FilledInTest, F43_VacantMemoryGoesWithItsNeighbours) {
    ASSERT_EQ(end_of(a_), b_.address);
    ASSERT_EQ(end_of(b_), c_.address);
    const std::uintptr_t last = base::align_up(end_of(c_), base::kGranuleBytes);
    put(huge_, a_);
    EXPECT_EQ(release_all(), a_.bytes);
    fill_in(a_.address, end_of(a_));
    fill_in(end_of(c_), last);
    put(huge_, c_);
    EXPECT_EQ(release_all(), c_.bytes) << "only what was committed is counted";
    EXPECT_EQ(os::resident_bytes(c_.address, last - c_.address), 0U) << "with what was never used behind it";
    EXPECT_TRUE(resident(b_));
    fill_in(c_.address, last);
    put(huge_, b_);
    EXPECT_EQ(release_all(), b_.bytes);
    EXPECT_EQ(os::resident_bytes(a_.address, base::kGranuleBytes), 0U);
    EXPECT_EQ(huge_.committed_bytes(), 0U);
    EXPECT_EQ(huge_.evicted(EvictionCause::kTrim).bytes, a_.bytes + b_.bytes + c_.bytes);
    const Extent whole = take_new(huge_, last - a_.address);
    EXPECT_EQ(whole.address, a_.address) << "what went is one run again";
}

TEST_F(FilledInTest, F34_WhatTheSystemWillNotTakeIsWhatItWas) {
    FakeSystemCalls fake;
    put(huge_, a_);
    EXPECT_EQ(release_all(), a_.bytes);
    put(huge_, b_);
    FakeSystemCalls::refuse_advice(MADV_DONTNEED, EINVAL);
    EXPECT_EQ(release_all(), 0U);
    EXPECT_EQ(huge_.committed_bytes(), b_.bytes + c_.bytes);
    FakeSystemCalls::allow_all();
    const Extent again = huge_.take_idle_block(kMiB + 1, 64);
    EXPECT_EQ(again.address, b_.address);
    EXPECT_TRUE(again.reused());
}

TEST_F(IdleReleaseTest, DecayIsSmoothAndComplete) {
    constexpr std::uint32_t kDecay = 10000;
    constexpr std::uint32_t kTick = 500;
    constexpr std::size_t kGranules = 100;
    const Extent block = take_new(arena_, kGranules * base::kGranuleBytes);
    put(arena_, block);
    const std::uint32_t start = idle_since(block);
    EXPECT_TRUE(arena_.decay(start, kTick, kDecay)) << "nothing yet, but later";
    EXPECT_EQ(arena_.committed_bytes(), block.bytes);
    for (std::uint32_t passed = kTick; passed < kDecay; passed += kTick) {
        EXPECT_TRUE(arena_.decay(start + passed, kTick, kDecay));
        const double left = static_cast<double>(arena_.committed_bytes()) / static_cast<double>(block.bytes);
        const double x = static_cast<double>(passed) / kDecay;
        EXPECT_NEAR(left, 1.0 - x * x * (3.0 - 2.0 * x), 0.06) << passed;
    }
    EXPECT_FALSE(arena_.decay(start + kDecay, kTick, kDecay)) << "all gone, nothing to look after";
    EXPECT_EQ(arena_.committed_bytes(), 0U);
    EXPECT_EQ(arena_.evicted(EvictionCause::kDecay).bytes, block.bytes);
}

TEST_F(IdleReleaseTest, YoungMemoryMergedWithOldDoesNotKeepIt) {
    const Extent old = take_new(arena_, 8 * kMiB);
    const Extent young = take_new(arena_, 4 * kMiB);
    put(arena_, old);
    put(arena_, young);
    const std::uint32_t start = idle_since(old);
    set_idle_since(young, start + 9000);
    arena_.decay(start + 10000, 500, 10000);
    EXPECT_EQ(arena_.committed_bytes(), young.bytes);
}

TEST_F(IdleReleaseTest, DecayTakesPrefaultedMemoryToo) {
    ASSERT_TRUE(prefault(arena_, 20 * kMiB));
    arena_.decay(now() + 10001, 500, 10000);
    EXPECT_EQ(arena_.committed_bytes(), 0U);
}

TEST_F(IdleReleaseTest, WhatBecameIdleAfterTheClockWasReadStays) {
    const Extent block = take_new(arena_, 8 * kMiB);
    put(arena_, block);
    const std::uint32_t since = idle_since(block);
    arena_.decay(since - 3, 500, 10000);
    EXPECT_EQ(arena_.committed_bytes(), 8 * kMiB);
}

TEST_F(IdleReleaseTest, DecayOfZeroIsAtOnce) {
    const Extent block = take_new(arena_, 8 * kMiB);
    put(arena_, block);
    arena_.decay(idle_since(block) + 10, 10, 0);
    EXPECT_EQ(arena_.committed_bytes(), 0U);
}

TEST_F(IdleReleaseTest, CreditsBoundIdleBlocksByEvictingTheOldest) {
    ArenaSettings bounded = settings(budget_);
    bounded.max_credits = 2;
    NodeArena arena(bounded);
    std::vector<Extent> blocks;
    for (int i = 0; i < 3; ++i) blocks.push_back(take_new(arena, 4 * kMiB));
    take_new(arena, 2 * kMiB);
    EXPECT_FALSE(put(arena, blocks[0]));
    EXPECT_FALSE(put(arena, blocks[1]));
    set_idle_since(blocks[0], now() - 2000);
    set_idle_since(blocks[1], now() - 1000);
    EXPECT_TRUE(put(arena, blocks[2]));
    arena.release_lapsed();
    EXPECT_EQ(arena.evicted(EvictionCause::kMaxBuffers).bytes, 4 * kMiB);
    EXPECT_FALSE(resident(blocks[0]));
    EXPECT_TRUE(resident(blocks[1]) && resident(blocks[2]));
    EXPECT_EQ(arena.credits(), 2U);
}

TEST_F(IdleReleaseTest, WhatLapsedWaitsForATickWhereMemoryDecays) {
    ArenaSettings bounded = settings(budget_);
    bounded.max_credits = 2;
    std::atomic<bool> decays{true};
    bounded.decays = &decays;
    NodeArena arena(bounded);
    std::vector<Extent> blocks;
    for (int i = 0; i < 6; ++i) blocks.push_back(take_new(arena, 4 * kMiB));
    const auto tick = [&] { return arena.decay(now(), 1, 10'000); };
    // A step of a program with more buffers than credits: all come back, all are taken again.
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(put(arena, blocks[static_cast<std::size_t>(i)]));
    EXPECT_TRUE(tick());
    for (int i = 0; i < 5; ++i) EXPECT_NE(arena.take_idle_block(4 * kMiB, 64).address, 0U);
    EXPECT_TRUE(resident(blocks[0]) && resident(blocks[4]));
    for (int i = 0; i < 5; ++i) put(arena, blocks[static_cast<std::size_t>(i)]);
    EXPECT_TRUE(tick());
    EXPECT_EQ(arena.evicted(EvictionCause::kMaxBuffers).bytes, 0U);
    EXPECT_TRUE(tick());
    EXPECT_EQ(arena.evicted(EvictionCause::kMaxBuffers).bytes, 12 * kMiB) << "nobody needed it for a tick";
    decays = false;
    EXPECT_TRUE(put(arena, blocks[5])) << "without a thread for the ticks it goes at once";
}

TEST_F(IdleReleaseTest, AHitHasTheNewestCreditBeforeWhatLapsed) {
    ArenaSettings bounded = settings(budget_);
    bounded.max_credits = 2;
    std::atomic<bool> decays{true};
    bounded.decays = &decays;
    NodeArena arena(bounded);
    std::vector<Extent> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(take_new(arena, 4 * kMiB));
    for (const Extent& block : blocks) put(arena, block);
    ASSERT_EQ(arena.credits(), 2U);
    EXPECT_NE(arena.take_idle_block(4 * kMiB, 64).address, 0U);
    EXPECT_EQ(arena.credits(), 1U) << "the block that its credit stood for is in use";
    arena.decay(now(), 1, 10'000);
    arena.decay(now(), 1, 10'000);
    EXPECT_EQ(arena.evicted(EvictionCause::kMaxBuffers).bytes, 8 * kMiB) << "all that lapsed";
}

TEST_F(IdleReleaseTest, CreditsGoWithTheMemoryTheyStoodFor) {
    std::vector<Extent> blocks;
    for (int i = 0; i < 3; ++i) blocks.push_back(take_new(arena_, 4 * kMiB));
    for (const Extent& block : blocks) put(arena_, block);
    EXPECT_EQ(arena_.credits(), 3U);
    EXPECT_EQ(release(4 * kMiB), 4 * kMiB);
    EXPECT_EQ(arena_.credits(), 2U);
    EXPECT_EQ(arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim), 8 * kMiB);
    EXPECT_EQ(arena_.credits(), 0U) << "no idle memory, no idle buffers";
}

}  // namespace
}  // namespace numapool::arena
