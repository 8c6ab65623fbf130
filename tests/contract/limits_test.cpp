// Owns: checks of max_bytes, max_buffers and max_idle_bytes: what they bound, exactly, and what they evict.
// Must not know: slices, credits or slots.
#include <thread>

#include "pool_case.h"

namespace numapool {
namespace {

PoolOptions with_max_bytes(std::size_t bytes) {
    PoolOptions options = steady_options();
    options.max_bytes = bytes;
    return options;
}

// F07
TEST(MaxBytes, F07_RequestsAboveTheLimitAreRefusedAndThePoolStaysUsable) {
    const OnOneCpu here;
    MemoryPool pool(with_max_bytes(10 * kMiB));
    const auto before = figures(pool);
    for (const std::size_t bytes : {10 * kMiB + 1, kGiB, std::size_t{1} << 50}) {
        ErrorCode why = ErrorCode::kOk;
        EXPECT_EQ(pool.try_allocate(bytes, {}, &why), nullptr);
        EXPECT_EQ(why, ErrorCode::kLimitExceeded);
        EXPECT_THROW(static_cast<void>(pool.allocate(bytes)), std::bad_alloc);
        try {
            static_cast<void>(pool.allocate(bytes));
        } catch (const OutOfMemoryError& error) {
            EXPECT_NE(std::string(error.what()).find(std::to_string(10 * kMiB)), std::string::npos);
        }
    }
    EXPECT_EQ(figures(pool), before);
    EXPECT_EQ(pool.get_statistics().peak_memory_bytes, 0U);
    pool.deallocate(pool.allocate(10 * kMiB));
}

TEST(MaxBytes, IsExact) {
    const OnOneCpu here;
    MemoryPool pool(with_max_bytes(10 * kMiB));
    std::vector<void*> blocks;
    for (int i = 0; i < 5; ++i) blocks.push_back(pool.allocate(2 * kMiB));
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 10 * kMiB);
    EXPECT_EQ(pool.try_allocate(1), nullptr) << "not a byte more";
    EXPECT_EQ(pool.try_allocate(2 * kMiB), nullptr);
    pool.deallocate(blocks.back());
    blocks.back() = pool.allocate(2 * kMiB);
    for (void* block : blocks) pool.deallocate(block);
    EXPECT_EQ(pool.get_statistics().peak_memory_bytes, 10 * kMiB);
}

// Memory is charged in slices, whatever bytes the limit and the request are.
TEST(MaxBytes, RoomIsMadeForWholeSlices) {
    const OnOneCpu here;
    PoolOptions options = with_max_bytes(12 * kMiB + 1000);
    options.movable = false;
    MemoryPool pool(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 6; ++i) blocks.push_back(pool.allocate(2 * kMiB));
    for (const std::size_t i : {0U, 2U, 4U}) pool.deallocate(blocks[i]);
    void* block = pool.try_allocate(4 * kMiB + 1);
    EXPECT_NE(block, nullptr) << "with all that is idle given back";
    pool.deallocate(block);
    for (const std::size_t i : {1U, 3U, 5U}) pool.deallocate(blocks[i]);
}

TEST(MaxBytes, HoldsForSmallBuffersToo) {
    const OnOneCpu here;
    MemoryPool pool(with_max_bytes(kMiB));
    std::vector<void*> blocks;
    while (void* block = pool.try_allocate(1000)) blocks.push_back(block);
    EXPECT_GT(blocks.size(), 900U) << "nearly all of it can be used";
    EXPECT_LE(pool.get_statistics().memory_usage_bytes, kMiB);
    for (void* block : blocks) pool.deallocate(block);
    EXPECT_NE(pool.try_allocate(1000), nullptr);
}

TEST(MaxBytes, IdleMemoryOfOtherSizesMakesRoom) {
    const OnOneCpu here;
    PoolOptions options = with_max_bytes(16 * kMiB);
    options.movable = false;
    MemoryPool pool(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(pool.allocate(4 * kMiB));
    void* kept = blocks[1];  // the idle memory is in two pieces, neither large enough
    for (void* block : blocks) {
        if (block != kept) pool.deallocate(block);
    }
    void* large = pool.allocate(12 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_GT(s.evicted(EvictionCause::kMaxBytes).bytes, 0U);
    EXPECT_LE(s.peak_memory_bytes, 16 * kMiB);
    pool.deallocate(large);
    pool.deallocate(kept);
    for (int round = 0; round < 20; ++round) {
        for (const std::size_t bytes : {16 * kMiB, 100 * kKiB, 9 * kMiB, std::size_t{100}, 5 * kMiB}) {
            void* block = pool.try_allocate(bytes);
            ASSERT_NE(block, nullptr) << bytes << " bytes in round " << round;
            pool.deallocate(block);
        }
    }
    EXPECT_LE(pool.get_statistics().peak_memory_bytes, 16 * kMiB);
}

TEST(MaxBytes, NoIdleMemoryIsGivenUpForARequestThatCannotFit) {
    const OnOneCpu here;
    MemoryPool pool(with_max_bytes(16 * kMiB));
    void* live = pool.allocate(8 * kMiB);
    pool.deallocate(pool.allocate(4 * kMiB));
    EXPECT_EQ(pool.try_allocate(12 * kMiB), nullptr);
    EXPECT_EQ(pool.get_statistics().idle_bytes, 4 * kMiB);
    pool.deallocate(live);
}

TEST(MaxBytes, HoldsWhateverThreadsDo) {
    MemoryPool pool(with_max_bytes(32 * kMiB));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < 300; ++i) {
                const std::size_t bytes = (1 + (i * 7 + t * 3) % 12) * kMiB;
                if (void* block = pool.try_allocate(bytes)) {
                    fill(block, 64, 1);
                    pool.deallocate(block);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    const Statistics s = pool.get_statistics();
    EXPECT_LE(s.peak_memory_bytes, 32 * kMiB);
    expect_consistent(s);
}

/// Has `count` buffers at once, then returns them all.
void step(MemoryPool& pool, std::size_t count, std::size_t bytes) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        blocks.push_back(pool.allocate(bytes));
        fill(blocks.back(), 64, 1);
    }
    for (void* block : blocks) pool.deallocate(block);
}

TEST(MaxBuffers, NeverLimitsLiveBuffers) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.max_buffers = 1;
    MemoryPool pool(options);
    step(pool, 100, 3 * kMiB);
    EXPECT_EQ(pool.get_statistics().total_allocations, 100U);
}

TEST(MaxBuffers, BoundsIdleLargeBuffers) {
    const OnOneCpu here;
    for (const std::size_t most : {0U, 1U, 2U, 3U, 8U, 32U}) {
        PoolOptions options = steady_options();
        options.max_buffers = most;
        MemoryPool pool(options);
        step(pool, 40, 4 * kMiB);
        const Statistics s = pool.get_statistics();
        EXPECT_LE(s.tier(Tier::kLarge).idle_buffers, most);
        EXPECT_LE(s.idle_bytes, most * 4 * kMiB);
        EXPECT_EQ(s.evicted(EvictionCause::kMaxBuffers).bytes, (40 - most) * 4 * kMiB)
            << "no more is evicted than the bound asks for";
        step(pool, most, 4 * kMiB);
        EXPECT_EQ(pool.get_statistics().cache_hits, most) << "and what is kept serves";
    }
}

// Of blocks up to 1 MiB the bound is max_buffers MiB: as many as max_buffers of the largest.
TEST(MaxBuffers, BoundsTheBytesThatSmallTiersKeepReady) {
    const OnOneCpu here;
    for (const std::size_t most : {0U, 1U, 2U, 8U, 32U}) {
        PoolOptions options = steady_options();
        options.max_buffers = most;
        MemoryPool pool(options);
        for (const std::size_t bytes : {std::size_t{64}, std::size_t{500}, 4 * kKiB, 100 * kKiB, kMiB}) {
            // A slab that was used in part may take a few rounds until all of it was handed out.
            for (int i = 0; i < 8; ++i) step(pool, 60, bytes);
            const std::uint64_t hits = pool.get_statistics().cache_hits;
            step(pool, 60, bytes);
            const Statistics s = pool.get_statistics();
            EXPECT_EQ(s.cache_hits - hits, 60U) << "a block that went back to its slab is a hit still";
            const Tier tier = bytes < kKiB ? Tier::kSmall : Tier::kMedium;
            const std::uint64_t ready = s.tier(tier).idle_buffers;
            EXPECT_LE(ready * bytes, 2 * most * kMiB) << bytes;
            if (most == 0) {
                EXPECT_EQ(ready, 0U);
            }
            pool.trim();
            EXPECT_EQ(pool.get_statistics().tier(tier).idle_buffers, 0U);
        }
    }
}

TEST(SteadyUse, HitsAndDoesNotGrow) {
    const OnOneCpu here;
    for (const std::size_t most : {0U, 1U, 32U}) {
        for (std::size_t bytes = 100; bytes < kMiB; bytes += bytes / 3) {
            PoolOptions options = steady_options();
            options.max_buffers = most;
            MemoryPool pool(options);
            // Until the last slab has been handed out whole, block by block.
            for (int i = 0; i < 20; ++i) step(pool, 61, bytes);
            const Statistics before = pool.get_statistics();
            for (int i = 0; i < 40; ++i) step(pool, 61, bytes);
            const Statistics after = pool.get_statistics();
            EXPECT_EQ(after.cache_hits - before.cache_hits, 40U * 61U)
                << bytes << " bytes, max_buffers " << most;
            EXPECT_EQ(after.memory_usage_bytes, before.memory_usage_bytes) << bytes;
        }
    }
}

TEST(MaxBuffers, BoundsAllThreadsTogether) {
    PoolOptions options = steady_options();
    options.max_buffers = 8;
    MemoryPool pool(options);
    const std::size_t bound = 8 * pool.get_statistics().nodes.size();
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20; ++i) {
                step(pool, 6, 2 * kMiB);
                step(pool, 20, 100);
            }
            const Statistics s = pool.get_statistics();
            EXPECT_LE(s.tier(Tier::kLarge).idle_buffers, bound + 6) << "six may be on their way at a time";
            EXPECT_LE(s.tier(Tier::kSmall).idle_buffers * 128, bound * kMiB);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(pool.get_statistics().tier(Tier::kLarge).idle_buffers, bound);
}

// 64 buffers of 10 MiB a step: twice what the default keeps. The misses have their reason in the statistics.
TEST(MaxBuffers, EvictionsShowWhyAWorkloadMisses) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    for (int i = 0; i < 10; ++i) step(pool, 64, 10 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.total_allocations, 640U);
    EXPECT_EQ(s.cache_hits, 9U * 32U) << "what is kept is used";
    EXPECT_EQ(s.evicted(EvictionCause::kMaxBuffers).bytes, 10U * 32U * 10 * kMiB);
    EXPECT_EQ(s.idle_bytes, 32 * 10 * kMiB);
    for (const EvictionCause other : {EvictionCause::kMaxIdleBytes, EvictionCause::kMaxBytes,
                                      EvictionCause::kDecay, EvictionCause::kTrim}) {
        EXPECT_EQ(s.evicted(other).bytes, 0U);
    }
}

TEST(MaxIdleBytes, TakesTheCountsPlaceForLargeBuffers) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.max_idle_bytes = kGiB;
    MemoryPool pool(options);
    for (int i = 0; i < 10; ++i) step(pool, 64, 10 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.cache_hits, 9U * 64U);
    EXPECT_EQ(s.evicted(EvictionCause::kMaxBuffers).bytes, 0U);
}

TEST(MaxIdleBytes, HoldsForLargeBuffers) {
    const OnOneCpu here;
    for (const std::size_t most : {std::size_t{0}, kMiB, 10 * kMiB, 50 * kMiB}) {
        PoolOptions options = steady_options();
        options.max_idle_bytes = most;
        MemoryPool pool(options);
        std::vector<void*> blocks;
        for (std::size_t i = 0; i < 30; ++i) blocks.push_back(pool.allocate((2 + i % 5) * kMiB));
        for (void* block : blocks) {
            pool.deallocate(block);
            ASSERT_LE(pool.get_statistics().idle_bytes, most);
        }
        EXPECT_GT(pool.get_statistics().evicted(EvictionCause::kMaxIdleBytes).bytes, 0U);
    }
}

TEST(MaxIdleBytes, HoldsForMediumBuffersToo) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.max_idle_bytes = 2 * kMiB;
    MemoryPool pool(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 40; ++i) blocks.push_back(pool.allocate(500 * kKiB));
    for (void* block : blocks) pool.deallocate(block);
    EXPECT_LE(pool.get_statistics().idle_bytes, 2 * kMiB);
}

TEST(Trim, KeepsWhatItIsToldToKeep) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    step(pool, 16, 4 * kMiB);
    EXPECT_EQ(pool.trim(100 * kMiB), 0U);
    EXPECT_EQ(pool.trim(40 * kMiB), 24 * kMiB);
    EXPECT_EQ(pool.get_statistics().idle_bytes, 40 * kMiB);
    EXPECT_EQ(pool.trim(39 * kMiB), 2 * kMiB) << "in units of 2 MiB";
    EXPECT_EQ(pool.trim(), 38 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.evicted(EvictionCause::kTrim).bytes, 64 * kMiB);
    EXPECT_EQ(s.evicted(EvictionCause::kTrim).events, 3U);
}

TEST(Trim, LeavesLiveBuffersAlone) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::vector<void*> live;
    for (const std::size_t bytes : kSizes) {
        live.push_back(pool.allocate(bytes));
        fill(live.back(), bytes, 0x77);
        void* idle = pool.allocate(bytes);
        fill(idle, bytes, 0x11);
        pool.deallocate(idle);
    }
    pool.trim();
    for (std::size_t i = 0; i < live.size(); ++i) {
        EXPECT_TRUE(holds(live[i], kSizes[i], 0x77));
        pool.deallocate(live[i]);
    }
}

TEST(Trim, TakesLargeBuffersThatOtherThreadsKeepReady) {
    MemoryPool pool(steady_options());
    std::thread([&] {
        step(pool, 3, 4 * kMiB);
        std::thread([&] { EXPECT_EQ(pool.trim(), 12 * kMiB); }).join();
    }).join();
}

TEST(Trim, TakesNothingThatIsNotTooMuch) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.max_buffers = 2;
    MemoryPool pool(options);
    step(pool, 2, 4 * kMiB);
    EXPECT_EQ(pool.trim(8 * kMiB), 0U);
    EXPECT_EQ(pool.get_statistics().idle_bytes, 8 * kMiB);
}

// What another thread keeps ready, beside the room that it has for more, may be too many buffers.
TEST(Trim, AnswersForWhatGoesBecauseOfMaxBuffersToo) {
    PoolOptions options = steady_options();
    options.max_buffers = 2;
    MemoryPool pool(options);
    std::thread([&] {
        step(pool, 2, 4 * kMiB);
        std::thread([&] { EXPECT_EQ(pool.trim(), 8 * kMiB); }).join();
        EXPECT_GT(pool.get_statistics().evicted(EvictionCause::kMaxBuffers).bytes, 0U);
        EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U);
    }).join();
}

TEST(Closing, GivesIdleMemoryBack) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    step(pool, 8, 4 * kMiB);
    void* live = pool.allocate(4 * kMiB);
    pool.close();
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 4 * kMiB);
    EXPECT_LE(pool.resident_bytes(), 4 * kMiB);
    pool.deallocate(live);
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U);
}

}  // namespace
}  // namespace numapool
