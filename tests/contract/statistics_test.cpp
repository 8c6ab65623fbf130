// Owns: checks that each figure of the statistics means what its comment says, counted by hand.
// Must not know: how figures are gathered.
#include <thread>

#include "pool_case.h"

namespace numapool {
namespace {

TEST(Figures, HitsAndMissesAreExact) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::uint64_t expected_hits = 0;
    std::uint64_t allocations = 0;
    for (const std::size_t bytes : {std::size_t{100}, 4 * kKiB, 100 * kKiB, 5 * kMiB}) {
        std::vector<void*> blocks;
        for (int i = 0; i < 5; ++i) blocks.push_back(pool.allocate(bytes));
        for (void* block : blocks) pool.deallocate(block);
        blocks.clear();
        for (int i = 0; i < 8; ++i) blocks.push_back(pool.allocate(bytes));
        for (void* block : blocks) pool.deallocate(block);
        allocations += 13;
        expected_hits += 5;
        const Statistics s = pool.get_statistics();
        EXPECT_EQ(s.total_allocations, allocations);
        EXPECT_EQ(s.cache_hits, expected_hits) << bytes;
        EXPECT_DOUBLE_EQ(s.cache_hit_ratio,
                         static_cast<double>(expected_hits) / static_cast<double>(allocations));
        pool.trim();  // what other sizes left must not serve the next
    }
}

TEST(Figures, PrefaultedMemoryIsNoHit) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    pool.initialize(16 * kMiB);
    for (const std::size_t bytes : {std::size_t{100}, 100 * kKiB, 5 * kMiB})
        pool.deallocate(pool.allocate(bytes));
    EXPECT_EQ(pool.get_statistics().cache_hits, 0U) << "no earlier buffer had returned it";
}

TEST(Figures, BytesAreExact) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::uint64_t requested = 0;
    std::uint64_t handed_out = 0;
    for (const std::size_t bytes : kSizes) {
        void* block = pool.allocate(bytes);
        requested += bytes;
        handed_out += pool.find_block(block)->bytes;
        const Statistics s = pool.get_statistics();
        EXPECT_EQ(s.live_bytes, pool.find_block(block)->bytes);
        EXPECT_EQ(s.live_buffers, 1U);
        pool.deallocate(block);
    }
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.bytes_requested, requested);
    EXPECT_EQ(s.bytes_handed_out, handed_out);
    EXPECT_DOUBLE_EQ(s.allocation_efficiency,
                     static_cast<double>(requested) / static_cast<double>(handed_out));
    EXPECT_DOUBLE_EQ(s.buffer_reuse_ratio,
                     static_cast<double>(s.bytes_reused) / static_cast<double>(handed_out));
}

TEST(Figures, EfficiencyIsAboveEightNinths) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    for (std::size_t bytes = 600; bytes < 20 * kMiB; bytes += bytes / 7)
        pool.deallocate(pool.allocate(bytes));
    EXPECT_GT(pool.get_statistics().allocation_efficiency, 8.0 / 9.0);
    EXPECT_LE(pool.get_statistics().allocation_efficiency, 1.0);
}

TEST(Figures, TiersAreByTheBlock) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    void* small = pool.allocate(960);
    void* medium = pool.allocate(kMiB);
    void* large = pool.allocate(kMiB + 1);
    EXPECT_EQ(pool.find_block(small)->tier, Tier::kSmall);
    EXPECT_EQ(pool.find_block(medium)->tier, Tier::kMedium);
    EXPECT_EQ(pool.find_block(large)->tier, Tier::kLarge);
    Statistics s = pool.get_statistics();
    for (const Tier tier : {Tier::kSmall, Tier::kMedium, Tier::kLarge}) {
        EXPECT_EQ(s.tier(tier).allocations, 1U);
        EXPECT_EQ(s.tier(tier).live_buffers, 1U);
    }
    EXPECT_EQ(s.tier(Tier::kMedium).live_bytes, kMiB);
    for (void* block : {small, medium, large}) pool.deallocate(block);
    s = pool.get_statistics();
    for (const Tier tier : {Tier::kSmall, Tier::kMedium, Tier::kLarge}) {
        EXPECT_EQ(s.tier(tier).idle_buffers, 1U) << to_string(tier);
        EXPECT_GT(s.tier(tier).idle_bytes, 0U);
    }
}

TEST(Figures, AllThatIsKeptReadyCountsAsIdle) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(pool.allocate(100));  // more than a thread keeps
    for (void* block : blocks) pool.deallocate(block);
    EXPECT_EQ(pool.get_statistics().tier(Tier::kSmall).idle_buffers, 100U);
}

TEST(Figures, NoIdleBufferIsCountedWhoseMemoryIsInUse) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    void* a = pool.allocate(4 * kMiB);
    void* b = pool.allocate(4 * kMiB);
    pool.deallocate(a);
    pool.deallocate(b);
    void* both = pool.allocate(8 * kMiB);
    expect_consistent(pool.get_statistics());
    EXPECT_EQ(pool.get_statistics().tier(Tier::kLarge).idle_buffers, 0U);
    pool.deallocate(both);
    void* more = pool.allocate(11 * kMiB);  // what is idle, and some more
    expect_consistent(pool.get_statistics());
    pool.deallocate(more);
}

TEST(Figures, WithoutMonitoringMarkedFieldsStayZeroAndOthersCount) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.enable_monitoring = false;
    MemoryPool pool(options);
    for (int i = 0; i < 3; ++i) {
        for (const std::size_t bytes : kSizes) pool.deallocate(pool.allocate(bytes));
    }
    const Statistics s = pool.get_statistics();
    EXPECT_FALSE(s.monitoring);
    EXPECT_EQ(s.bytes_requested, 0U);
    EXPECT_EQ(s.allocation_efficiency, 0.0);
    for (const NodeStatistics& node : s.nodes) EXPECT_EQ(node.local_allocations, 0U);
    EXPECT_EQ(s.total_allocations, 3 * std::size(kSizes));
    EXPECT_GT(s.cache_hits, 0U);
    EXPECT_GT(s.bytes_handed_out, 0U);
}

TEST(Figures, PeakIsTheHighestUsage) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    void* a = pool.allocate(8 * kMiB);
    void* b = pool.allocate(8 * kMiB);
    pool.deallocate(a);
    pool.deallocate(b);
    pool.trim();
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.memory_usage_bytes, 0U);
    EXPECT_EQ(s.peak_memory_bytes, 16 * kMiB);
    EXPECT_DOUBLE_EQ(s.peak_memory_mb(), 16.0);
    pool.deallocate(pool.allocate(100));
    EXPECT_EQ(pool.get_statistics().peak_memory_bytes, 16 * kMiB);
}

TEST(Figures, ResidentBytesAreTheKernels) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.bind = BindMode::kNone;  // where policies are refused, the pool touches new memory itself
    options.huge_pages = HugePages::kNever;
    MemoryPool pool(options);
    void* block = pool.allocate(16 * kMiB);
    EXPECT_EQ(pool.resident_bytes(), 0U) << "not touched yet";
    fill(block, 4 * kMiB, 1);
    EXPECT_EQ(pool.resident_bytes(), 4 * kMiB);
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 16 * kMiB);
    pool.deallocate(block);
    EXPECT_EQ(pool.resident_bytes(), 4 * kMiB);
    pool.trim();
    EXPECT_EQ(pool.resident_bytes(), 0U);
}

TEST(Figures, PrefaultedMemoryIsIdleAndResident) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    pool.initialize(8 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.idle_bytes, 8 * kMiB * s.nodes.size());
    EXPECT_EQ(pool.resident_bytes(), s.idle_bytes);
    EXPECT_EQ(s.total_allocations, 0U);
}

TEST(Figures, RecordsAreBelowOnePercentOfWhatIsHeld) {
    const OnOneCpu here;
    for (const std::size_t bytes : {4 * kKiB, 100 * kKiB, 4 * kMiB}) {
        MemoryPool pool(steady_options());
        std::vector<void*> blocks;
        for (std::size_t held = 0; held < 256 * kMiB; held += bytes) blocks.push_back(pool.allocate(bytes));
        const Statistics s = pool.get_statistics();
        EXPECT_GE(s.memory_usage_bytes, 256 * kMiB);
        EXPECT_LE(s.metadata_bytes * 100, s.memory_usage_bytes) << "buffers of " << bytes;
        for (void* block : blocks) pool.deallocate(block);
    }
}

TEST(Figures, SurviveTheThreadsThatMadeThem) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    void* kept = nullptr;
    for (int i = 0; i < 20; ++i) {
        std::thread([&] {
            for (const std::size_t bytes : kSizes) pool.deallocate(pool.allocate(bytes));
            if (kept == nullptr) kept = pool.allocate(3 * kMiB);
        }).join();
    }
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.total_allocations, 20 * std::size(kSizes) + 1);
    EXPECT_EQ(s.live_buffers, 1U);
    expect_consistent(s);
    pool.deallocate(kept);
}

TEST(Figures, AreExactAfterThreadsMet) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    constexpr std::size_t kThreads = 4;
    constexpr std::size_t kRounds = 3000;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < kRounds; ++i) {
                void* block = pool.allocate(kSizes[(i + t) % 12]);
                pool.deallocate(block);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.total_allocations, kThreads * kRounds);
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes, 0U);
    expect_consistent(s);
}

TEST(Figures, WordsForTiersAndCauses) {
    const OnOneCpu here;
    EXPECT_STREQ(to_string(Tier::kSmall), "small");
    EXPECT_STREQ(to_string(Tier::kMedium), "medium");
    EXPECT_STREQ(to_string(Tier::kLarge), "large");
    for (std::size_t cause = 0; cause < kEvictionCauses; ++cause) {
        EXPECT_STRNE(to_string(static_cast<EvictionCause>(cause)), "unknown");
    }
}

}  // namespace
}  // namespace numapool
