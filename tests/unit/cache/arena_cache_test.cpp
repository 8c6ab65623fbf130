// Owns: checks of one thread's cache for one arena: limits, refilling, spilling, sharing the budget.
// Must not know: pools, other threads' caches.
#include "cache/arena_cache.h"

#include <memory>
#include <vector>

#include "base/bits.h"
#include "cache_fixture.h"

namespace numapool::cache {
namespace {

class ArenaCacheTest : public CacheFixture {
protected:
    ArenaCacheTest() { cache_->attach(arena_, *shared_); }

    arena::Block get(std::uint32_t size_class) {
        Magazine& magazine = cache_->magazine(size_class);
        std::uintptr_t ready = magazine.pop();
        if (ready == 0 && cache_->refill(size_class)) ready = magazine.pop();
        if (ready != 0) {
            const arena::AddressRange& range = *arena::find_range(ready);
            return {ready, &range.mark_of(ready)};
        }
        auto made = cache_->allocate_past_magazine(size_class);
        EXPECT_TRUE(made);
        return made ? made->block : arena::Block{};
    }
    void give(std::uint32_t size_class, const arena::Block& block) {
        Magazine& magazine = cache_->magazine(size_class);
        if (magazine.size() < magazine.limit()) {
            magazine.push(block);
        } else {
            cache_->free_past_magazine(size_class, block);
        }
    }
    void cycle(std::uint32_t size_class, std::size_t count) {
        std::vector<arena::Block> blocks;
        for (std::size_t i = 0; i < count; ++i) blocks.push_back(get(size_class));
        for (const arena::Block& block : blocks) give(size_class, block);
    }
    std::uintptr_t get_large(std::size_t bytes) {
        auto made = arena_.take_new_block(bytes, 64);
        EXPECT_TRUE(made);
        return made ? made->address : 0;
    }
    void give_large(std::uintptr_t block, std::size_t bytes) {
        const arena::AddressRange& range = *arena::find_range(block);
        const KeptBlock kept{base::align_up(bytes, base::kSliceBytes), &range.entries[range.index_of(block)]};
        if (!cache_->large().put(block, kept)) cache_->free_past_slots(block, kept);
    }

    const std::unique_ptr<ArenaCache> cache_ = std::make_unique<ArenaCache>();
};

TEST_F(ArenaCacheTest, AMagazineFillsUpToItsCapacity) {
    const std::uint32_t small = base::size_class(64);
    cycle(small, 100);
    EXPECT_GT(cache_->magazine(small).size(), 0U);
    EXPECT_LE(cache_->magazine(small).size(), Magazine::kCapacity);
    EXPECT_EQ(cache_->magazine(small).limit(), Magazine::kCapacity);
    EXPECT_EQ(shared_->depots[small].size(), 0U) << "short blocks go back to whoever has their neighbours";
    EXPECT_EQ(budget_of_ready_.slab_bytes.drawn(), 64U * Magazine::kCapacity);
}

TEST_F(ArenaCacheTest, LongBlocksAreHandedOnAsTheyAre) {
    budget_of_ready_.slab_bytes.reset(16 * kReadyBytes);
    const std::uint32_t medium = base::size_class(40'000);
    for (int i = 0; i < 20; ++i) cycle(medium, 100);
    EXPECT_EQ(shared_->depots[medium].size(), Depot::kCapacity);
    EXPECT_EQ(budget_of_ready_.slab_bytes.drawn(),
              base::class_bytes(medium) * (Magazine::kCapacity + Depot::kCapacity));
    in_thread([&] {
        const auto second = std::make_unique<ArenaCache>();
        second->attach(arena_, *shared_);
        EXPECT_TRUE(second->refill(medium));
        EXPECT_GT(second->magazine(medium).size(), 0U);
        second->flush_magazines();
    });
}

TEST_F(ArenaCacheTest, AllMagazinesAndDepotsStayBelowTheBound) {
    const std::uint32_t last = base::kSizeClasses - 1;
    for (std::uint32_t size_class = 0; size_class <= last; ++size_class) {
        for (int i = 0; i < 30; ++i) cycle(size_class, 20);
        std::size_t ready = 0;
        for (std::uint32_t c = 0; c <= last; ++c)
            ready += base::class_bytes(c) * (cache_->magazine(c).size() + shared_->depots[c].size());
        EXPECT_LE(ready, kReadyBytes);
        EXPECT_LE(budget_of_ready_.slab_bytes.drawn(), kReadyBytes);
        if (base::class_bytes(size_class) <= kReadyBytes / 16) {
            EXPECT_GT(cache_->magazine(size_class).limit(), 0U) << "the class in use took over room";
        }
    }
}

TEST_F(ArenaCacheTest, WithoutBudgetBlocksGoBackToTheirSlab) {
    budget_of_ready_.slab_bytes.reset(0);
    const std::uint32_t medium = base::size_class(2000);
    cycle(medium, 20);
    EXPECT_EQ(cache_->ready_blocks(Tier::kMedium), 0U);
    EXPECT_TRUE(cache_->refill(medium)) << "a block from its slab is a hit too";
}

TEST_F(ArenaCacheTest, RefillsHalfAMagazineAtOnce) {
    const std::uint32_t small = base::size_class(64);
    cycle(small, 100);
    while (cache_->magazine(small).size() != 0) get(small);
    get(small);
    EXPECT_EQ(cache_->magazine(small).size(), Magazine::kCapacity / 2);
}

TEST_F(ArenaCacheTest, MarksFollowTheBlock) {
    for (const std::size_t bytes :
         {std::size_t{64}, std::size_t{1024}, std::size_t{5000}, std::size_t{1} << 19}) {
        const std::uint32_t size_class = base::size_class(bytes);
        const auto mark = [](const arena::Block& block) { return std::uint32_t{block.mark->load()}; };
        const arena::Block block = get(size_class);
        EXPECT_EQ(mark(block), arena::live_mark(size_class));
        EXPECT_TRUE(arena::is_live(*block.mark));
        give(size_class, block);
        EXPECT_EQ(mark(block), arena::live_mark(size_class) | arena::kCachedBit);
        EXPECT_FALSE(arena::is_live(*block.mark));
        EXPECT_EQ(mark(get(size_class)), arena::live_mark(size_class));
        give(size_class, block);
        cache_->flush_magazines();
        EXPECT_FALSE(arena::is_live(*block.mark));
        shared_->empty(arena_, false);
        EXPECT_EQ(mark(block), 0U);
        EXPECT_EQ(mark(get(size_class)), arena::live_mark(size_class));
    }
}

TEST_F(ArenaCacheTest, WhatIsLiveIsKnownWithoutCountingReturns) {
    const std::uint32_t small = base::size_class(64);
    std::vector<arena::Block> blocks;
    for (int i = 0; i < 40; ++i) {
        blocks.push_back(get(small));
        EXPECT_EQ(cache_->live(small), i + 1);
    }
    for (int i = 40; i > 0; --i) {
        give(small, blocks.back());
        blocks.pop_back();
        EXPECT_EQ(cache_->live(small), i - 1);
    }
    cache_->flush_magazines();
    EXPECT_EQ(cache_->live(small), 0);
    cache_->put_past_magazine(small, get(small));
    EXPECT_EQ(cache_->live(small), 0);
}

// What counts a block as gone before its return is over would end a released pool under the returning thread.
TEST_F(ArenaCacheTest, ABlockOnItsWayBackCountsAsLiveForWhoeverLooks) {
    const std::uint32_t small = base::size_class(64);
    std::atomic<std::uint64_t> epoch{0};  // odd while a block is on its way back
    std::atomic<bool> done{false};
    std::atomic<int> seen_gone{0};
    std::atomic<int> looks{0};
    std::thread reader([&] {
        while (!done) {
            const std::uint64_t before = epoch;
            const std::int64_t live = cache_->live(small);
            if (before % 2 == 0 || epoch != before) continue;
            ++looks;
            if (live < 1) ++seen_gone;
        }
    });
    for (int i = 0; i < 300'000 || (looks == 0 && i < 300'000'000); ++i) {
        const arena::Block block = get(small);
        ++epoch;
        cache_->hold_return(small);
        cache_->free_past_magazine(small, block);
        for (int wait = 0; wait < i % 64; ++wait) static_cast<void>(done.load());
        ++epoch;
        cache_->conclude_return(small);
    }
    done = true;
    reader.join();
    EXPECT_GT(looks, 0);
    EXPECT_EQ(seen_gone, 0) << "of " << looks;
}

TEST_F(ArenaCacheTest, FlushingGivesBlocksAndBudgetBack) {
    cycle(base::size_class(64), 50);
    cycle(base::size_class(4096), 50);
    cache_->flush_magazines();
    for (const Tier tier : {Tier::kSmall, Tier::kMedium}) {
        EXPECT_EQ(cache_->ready_blocks(tier), 0U);
    }
    shared_->empty(arena_, false);
    EXPECT_EQ(budget_of_ready_.slab_bytes.drawn(), 0U);
    cycle(base::size_class(64), 50);
    EXPECT_GT(cache_->ready_blocks(Tier::kSmall), 0U) << "and the cache goes on";
}

TEST_F(ArenaCacheTest, LargeSlotsFillThenEvict) {
    for (int i = 0; i < 6; ++i) {
        const std::uintptr_t block = get_large(2 * kMiB);
        give_large(block, 2 * kMiB);
    }
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), LargeSlots::kSlots);
    EXPECT_EQ(arena_.credits(), 2U) << "what the slots let go is kept ready by the arena";
    EXPECT_EQ(budget_of_ready_.large_blocks.drawn(), LargeSlots::kSlots);
    cache_->close_large();
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), 0U);
    EXPECT_EQ(budget_of_ready_.large_blocks.drawn(), 0U);
    EXPECT_EQ(arena_.committed_bytes(), 12 * kMiB);
    EXPECT_NE(arena_.take_idle_block(12 * kMiB, 64).address, 0U) << "all merged again";
}

TEST_F(ArenaCacheTest, AnotherThreadMayDrainTheSlots) {
    for (int i = 0; i < 3; ++i) give_large(get_large(2 * kMiB), 2 * kMiB);
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), 3U);
    in_thread([&] { cache_->steal_large(); });
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), 0U);
    const KeptBlock* kept = nullptr;
    EXPECT_EQ(cache_->large().take(2 * kMiB, 64, kept), 0U);
}

}  // namespace
}  // namespace numapool::cache
