// Owns: checks of slabs: which block is handed out, whether it is new, and when a slab goes back.
// Must not know: threads' caches.
#include "arena/slab_bin.h"

#include <set>
#include <vector>

#include "arena_fixture.h"

namespace numapool::arena {
namespace {

class SlabBinTest : public ArenaFixture {
protected:
    static constexpr std::uint32_t kClass = base::size_class(4096);
    const base::ClassShape& shape_ = base::kClassShapes[kClass];
    SlabBin& bin_ = arena_.bin(kClass);

    FreshBlock take() {
        auto made = bin_.take_new(arena_, kClass);
        EXPECT_TRUE(made);
        return made ? *made : FreshBlock{};
    }
    std::vector<std::uintptr_t> take(std::size_t count) {
        std::vector<std::uintptr_t> blocks;
        for (std::size_t i = 0; i < count; ++i) blocks.push_back(take().address);
        return blocks;
    }
};

TEST_F(SlabBinTest, BlocksAreDistinctAlignedAndZeroAtFirst) {
    std::set<std::uintptr_t> seen;
    for (std::size_t i = 0; i < shape_.blocks * 3U; ++i) {
        const FreshBlock fresh = take();
        EXPECT_FALSE(fresh.reused);
        EXPECT_EQ(fresh.address % 4096, 0U);
        EXPECT_TRUE(seen.insert(fresh.address).second);
        EXPECT_TRUE(reads_zero({fresh.address, 4096}));
        std::memset(reinterpret_cast<void*>(fresh.address), 1, 4096);
    }
}

TEST_F(SlabBinTest, ReturnedBlocksComeFirstAndAreCalledReused) {
    const auto blocks = take(5);
    bin_.put(arena_, &blocks[2], 1);
    const FreshBlock again = take();
    EXPECT_EQ(again.address, blocks[2]);
    EXPECT_TRUE(again.reused);
}

// F09: past every seal, as when a block was written to between two returns.
TEST_F(SlabBinTest, ABlockThatIsPutTwiceLiesThereOnce) {
    const auto blocks = take(3);
    const std::uintptr_t twice[] = {blocks[1], blocks[1]};
    EXPECT_EQ(bin_.put(arena_, twice, 2), 1U);
    EXPECT_EQ(bin_.put(arena_, twice, 1), 0U);
    EXPECT_EQ(bin_.used(), 2U);
    std::uintptr_t got[3];
    EXPECT_EQ(bin_.take_returned(got, 3), 1U);
    EXPECT_EQ(bin_.used(), 3U);
}

TEST_F(SlabBinTest, TakesAsManyReturnedOnesAsThereAre) {
    const auto blocks = take(7);
    EXPECT_EQ(bin_.take_returned(nullptr, 0), 0U);
    bin_.put(arena_, blocks.data(), 3);
    std::uintptr_t got[8];
    EXPECT_EQ(bin_.take_returned(got, 2), 2U);
    EXPECT_EQ(bin_.take_returned(got, 8), 1U);
    EXPECT_EQ(bin_.take_returned(got, 8), 0U);
}

TEST_F(SlabBinTest, OnlyTouchedSlicesAreCommitted) {
    const std::uint32_t big = base::size_class(200 << 10);
    auto first = arena_.bin(big).take_new(arena_, big);
    ASSERT_TRUE(first);
    EXPECT_EQ(arena_.committed_bytes(), 4 * base::kSliceBytes) << "200 KiB in slices of 64 KiB";
    EXPECT_EQ(budget_.committed(), arena_.committed_bytes());
    EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), arena_.committed_bytes());
}

TEST_F(SlabBinTest, HalfAMebibyteOfEmptySlabsStaysAndMoreGoesBack) {
    auto blocks = take(shape_.blocks * 12U);
    const std::size_t slab = shape_.slices * base::kSliceBytes;
    EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), 12 * slab);
    bin_.put(arena_, blocks.data(), blocks.size());
    EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), kMiB / 2);
    EXPECT_EQ(arena_.committed_bytes(), 12 * slab) << "what went back is idle, not gone";
    EXPECT_FALSE(bin_.retire_empty(arena_, 0, 0));
    EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), 0U);
    EXPECT_EQ(arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim), 12 * slab);
    EXPECT_EQ(arena_.committed_bytes(), 0U);
}

TEST_F(SlabBinTest, MemoryOfAnEmptiedSlabServesOtherSizesAsAHit) {
    auto blocks = take(shape_.blocks * 2U);
    bin_.put(arena_, blocks.data(), blocks.size());
    bin_.retire_empty(arena_, 0, 0);
    const std::uint32_t other = base::size_class(1024);
    auto block = arena_.bin(other).take_new(arena_, other);
    ASSERT_TRUE(block);
    EXPECT_TRUE(block->reused);
    EXPECT_EQ(arena_.committed_bytes(), 2 * shape_.slices * base::kSliceBytes) << "nothing new";
}

TEST_F(SlabBinTest, MemoryThatNoBufferHeldIsNoHit) {
    ASSERT_TRUE(prefault(arena_, kMiB));
    const FreshBlock block = take();
    EXPECT_FALSE(block.reused) << "prefaulted, but no earlier buffer returned it";
    EXPECT_EQ(arena_.committed_bytes(), kMiB);
}

TEST_F(SlabBinTest, PartlyUsedSlabsKeepTheirAccountsStraight) {
    const std::uint32_t big = base::size_class(200 << 10);
    for (int round = 0; round < 3; ++round) {
        auto block = arena_.bin(big).take_new(arena_, big);
        ASSERT_TRUE(block);
        arena_.bin(big).put(arena_, &block->address, 1);
        arena_.bin(big).retire_empty(arena_, 0, 0);
        EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), 0U);
        EXPECT_EQ(arena_.committed_bytes(), budget_.committed());
        EXPECT_EQ(arena_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim),
                  4 * base::kSliceBytes);
        EXPECT_EQ(arena_.committed_bytes(), 0U);
    }
}

TEST_F(SlabBinTest, TheLimitIsToldAndNothingIsLost) {
    CommitBudget tight(2 * base::kSliceBytes);
    NodeArena arena(settings(tight));
    const std::uint32_t big = base::size_class(64 << 10);
    SlabBin& bin = arena.bin(big);
    auto first = bin.take_new(arena, big);
    auto second = bin.take_new(arena, big);
    ASSERT_TRUE(first);
    ASSERT_TRUE(second);
    auto third = bin.take_new(arena, big);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.failure().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(tight.committed(), 2 * base::kSliceBytes);
    bin.put(arena, &first->address, 1);
    auto again = bin.take_new(arena, big);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->address, first->address);
}

TEST_F(SlabBinTest, EmptySlabsAgeBeforeTheyGo) {
    auto blocks = take(1);
    bin_.put(arena_, blocks.data(), 1);
    const Slab& slab = *find_range(blocks[0])->entry(find_range(blocks[0])->index_of(blocks[0])).slab();
    const std::uint32_t since = slab.idle_since;
    EXPECT_TRUE(bin_.retire_empty(arena_, since + 99, 100));
    EXPECT_TRUE(bin_.retire_empty(arena_, since - 5, 100)) << "a clock read before the block came back";
    EXPECT_FALSE(bin_.retire_empty(arena_, since + 100, 100));
    EXPECT_EQ(arena_.slab_bytes(Tier::kMedium), 0U);
}

}  // namespace
}  // namespace numapool::arena
