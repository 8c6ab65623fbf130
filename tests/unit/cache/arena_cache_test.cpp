// Owns: checks of one thread's cache for one arena: limits, refilling, spilling, sharing the budget.
// Must not know: pools, other threads' caches.
#include "cache/arena_cache.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/bits.h"
#include "cache_fixture.h"

namespace numapool::cache {
namespace {

class ArenaCacheTest : public CacheFixture {
protected:
    ArenaCacheTest() { cache_->attach(arena_, *shared_); }

    std::uintptr_t get(std::uint32_t size_class) {
        Magazine& magazine = cache_->magazine(size_class);
        std::uintptr_t ready = magazine.pop();
        if (ready == 0 && cache_->refill(size_class)) ready = magazine.pop();
        if (ready != 0) return ready;
        auto made = cache_->allocate_past_magazine(size_class);
        EXPECT_TRUE(made);
        return made ? made->address : 0;
    }
    void give(std::uint32_t size_class, std::uintptr_t block) {
        Magazine& magazine = cache_->magazine(size_class);
        if (magazine.size() < magazine.limit()) {
            magazine.push(block);
        } else {
            cache_->free_past_magazine(size_class, block);
        }
    }
    void cycle(std::uint32_t size_class, std::size_t count) {
        std::vector<std::uintptr_t> blocks;
        for (std::size_t i = 0; i < count; ++i) blocks.push_back(get(size_class));
        for (const std::uintptr_t block : blocks) give(size_class, block);
    }
    std::uintptr_t get_large(std::size_t bytes) {
        auto made = arena_.take_new_block(bytes, 64);
        EXPECT_TRUE(made);
        return made ? made->address : 0;
    }
    void give_large(std::uintptr_t block) {
        const arena::AddressRange& range = *arena::find_range(block);
        const std::size_t slice = range.index_of(block);
        const KeptBlock kept{range.entry(slice).slices() * base::kSliceBytes, &range.entries[slice]};
        if (!cache_->large().put(block, kept)) cache_->free_past_slots(block, kept);
    }

    const std::unique_ptr<ArenaCache> cache_ = std::make_unique<ArenaCache>();
};

TEST_F(ArenaCacheTest, AMagazineFillsUpToItsCapacityAndHandsOnWhatIsBeyond) {
    const std::uint32_t small = base::size_class(64);
    cycle(small, 2 * Magazine::kCapacity);
    EXPECT_GT(cache_->magazine(small).size(), 0U);
    EXPECT_LE(cache_->magazine(small).size(), Magazine::kCapacity);
    EXPECT_EQ(cache_->magazine(small).limit(), Magazine::kCapacity);
    EXPECT_GT(shared_->depots[small].size(), 0U);
    in_thread([&] {
        const auto second = std::make_unique<ArenaCache>();
        second->attach(arena_, *shared_);
        EXPECT_TRUE(second->refill(small));
        EXPECT_GT(second->magazine(small).size(), 0U);
        second->flush_magazines();
    });
}

TEST_F(ArenaCacheTest, ADepotIsBoundedByItsCapacityAndTheBudget) {
    budget_of_ready_.slab_bytes.reset(16 * kReadyBytes);
    const std::uint32_t medium = base::size_class(40'000);
    for (int i = 0; i < 20; ++i) cycle(medium, 4 * Magazine::kCapacity);
    EXPECT_EQ(shared_->depots[medium].size(), Depot::kCapacity);
    EXPECT_EQ(budget_of_ready_.slab_bytes.drawn(),
              base::class_bytes(medium) * (Magazine::kCapacity + Depot::kCapacity));
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

TEST_F(ArenaCacheTest, BlocksAreSealedWhileNobodyHasThem) {
    for (const std::size_t bytes :
         {std::size_t{64}, std::size_t{1024}, std::size_t{5000}, std::size_t{1} << 19}) {
        const std::uint32_t size_class = base::size_class(bytes);
        const std::uintptr_t block = get(size_class);
        const arena::AddressRange& range = *arena::find_range(block);
        EXPECT_EQ(range.mark_at(block), arena::mark_of_class(size_class));
        EXPECT_EQ(range.mark_at(block + 64), 0U);
        EXPECT_FALSE(arena::is_sealed(block));
        give(size_class, block);
        EXPECT_TRUE(arena::is_sealed(block));
        EXPECT_FALSE(cache_->magazine(size_class).push(block)) << "a second time";
        EXPECT_EQ(get(size_class), block);
        EXPECT_FALSE(arena::is_sealed(block));
        arena::seal(block);
        cache_->put_past_magazine(size_class, block);
        arena_.bin(size_class).retire_empty(arena_, 0, 0);
        EXPECT_EQ(range.mark_at(block), 0U) << "its memory serves any size now";
    }
}

TEST_F(ArenaCacheTest, ABlockThatLostItsSealIsNotHandedOutAgain) {
    const std::uint32_t small = base::size_class(64);
    const std::vector<std::uintptr_t> blocks = {get(small), get(small), get(small)};
    for (const std::uintptr_t block : blocks) give(small, block);
    *reinterpret_cast<std::uint64_t*>(blocks[2]) = 7;  // the newest
    *reinterpret_cast<std::uint64_t*>(blocks[0]) = 7;  // the oldest
    EXPECT_EQ(get(small), blocks[1]);
    EXPECT_EQ(cache_->magazine(small).size(), 1U);
    const std::uintptr_t other = get(small);
    EXPECT_TRUE(std::find(blocks.begin(), blocks.end(), other) == blocks.end());
    EXPECT_EQ(cache_->live(small), 4) << "those nobody may have count as live";
}

TEST_F(ArenaCacheTest, ABlockThatLostItsSealInItsSlabIsNotHandedOutAgain) {
    const std::uint32_t small = base::size_class(64);
    const std::uintptr_t block = get(small);
    arena::seal(block);
    cache_->put_past_magazine(small, block);
    *reinterpret_cast<std::uint64_t*>(block) = 7;
    for (int i = 0; i < 2000; ++i) EXPECT_NE(get(small), block);
}

// Returned, written to, returned again: the pool then has two names of one block.
TEST_F(ArenaCacheTest, ABlockThatLiesReadyTwiceHasOneHolder) {
    const std::uint32_t small = base::size_class(64);
    const std::uintptr_t block = get(small);
    for (int i = 0; i < 2; ++i) {
        *reinterpret_cast<std::uint64_t*>(block) = 7;
        give(small, block);
    }
    EXPECT_EQ(cache_->magazine(small).size(), 2U);
    EXPECT_EQ(get(small), block);
    for (int i = 0; i < 2000; ++i) EXPECT_NE(get(small), block);
}

TEST_F(ArenaCacheTest, WhatIsLiveIsKnownWithoutCountingReturns) {
    const std::uint32_t small = base::size_class(64);
    std::vector<std::uintptr_t> blocks;
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
        const std::uintptr_t block = get(small);
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
        give_large(block);
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
    for (int i = 0; i < 3; ++i) give_large(get_large(2 * kMiB));
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), 3U);
    in_thread([&] { cache_->steal_large(); });
    EXPECT_EQ(cache_->ready_blocks(Tier::kLarge), 0U);
    EXPECT_EQ(cache_->large().take(2 * kMiB, 64).block, 0U);
}

}  // namespace
}  // namespace numapool::cache
