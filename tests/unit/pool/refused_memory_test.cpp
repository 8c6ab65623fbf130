// Owns: checks of a pool to which the system refuses memory: what it gives up first, and what it tells after.
// Must not know: how blocks are found.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "played_pool.h"

namespace numapool::detail {
namespace {

class RefusedMemory : public testing::Test {
protected:
    static void expect_consistent(const Statistics& statistics) {
        EXPECT_EQ(statistics.memory_usage_bytes, statistics.live_bytes + statistics.idle_bytes);
        EXPECT_LE(statistics.memory_usage_bytes, statistics.peak_memory_bytes);
    }
    FakeSystemCalls fake_;
};

// F33
TEST_F(RefusedMemory, F33_MmapRefusedForEverIsAnErrorAndThePoolRecovers) {
    PlayedPool pool;
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    for (const std::size_t bytes : {std::size_t{100}, 20 * kKiB, 8 * kMiB}) {
        EXPECT_EQ(pool.get(bytes), nullptr);
        EXPECT_EQ(pool.failure().code, ErrorCode::kOutOfMemory);
    }
    EXPECT_FALSE(pool->initialize(kMiB));
    const Statistics failed = pool->statistics();
    EXPECT_EQ(failed.total_allocations, 0U);
    EXPECT_EQ(failed.memory_usage_bytes, 0U);
    EXPECT_EQ(failed.peak_memory_bytes, 0U);
    FakeSystemCalls::allow_all();
    void* block = pool.get(8 * kMiB);
    ASSERT_NE(block, nullptr);
    PlayedPool::give(block);
    expect_consistent(pool->statistics());
}

// F33
TEST_F(RefusedMemory, F33_MprotectRefusedOnceIsRetriedAfterIdleMemoryWasGivenBack) {
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    void* kept = pool.get(16 * kMiB);
    std::memset(kept, 1, 16 * kMiB);
    void* idle = pool.get(8 * kMiB);
    std::memset(idle, 1, 8 * kMiB);
    PlayedPool::give(idle);
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM, 1, 1);
    void* block = pool.get(12 * kMiB);  // does not fit into what is idle
    EXPECT_NE(block, nullptr);
    const Statistics statistics = pool->statistics();
    expect_consistent(statistics);
    EXPECT_EQ(statistics.live_bytes, 28 * kMiB);
    PlayedPool::give(block);
    PlayedPool::give(kept);
}

// F33
TEST_F(RefusedMemory, F33_TrimThenRetryOnceThenAnError) {
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    void* idle = pool.get(8 * kMiB);
    std::memset(idle, 1, 8 * kMiB);
    PlayedPool::give(idle);
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
    const std::uint64_t before = FakeSystemCalls::count(Call::kProtect);
    EXPECT_EQ(pool.get(64 * kMiB), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(pool.failure().system_error, ENOMEM);
    EXPECT_LE(FakeSystemCalls::count(Call::kProtect) - before, 4U) << "two attempts, each in two sizes";
    const Statistics statistics = pool->statistics();
    EXPECT_EQ(statistics.total_allocations, 1U) << "a refused call is not counted";
    EXPECT_EQ(statistics.idle_bytes, 0U) << "idle memory was given back first";
    EXPECT_EQ(statistics.evicted(EvictionCause::kMaxBytes).bytes, 8 * kMiB);
    EXPECT_EQ(statistics.peak_memory_bytes, 8 * kMiB) << "what was never had is no peak";
    FakeSystemCalls::allow_all();
    void* block = pool.get(64 * kMiB);
    EXPECT_NE(block, nullptr);
    PlayedPool::give(block);
}

// F33
TEST_F(RefusedMemory, F33_SiblingPoolsGiveTheirIdleMemoryBackFirst) {
    PlayedPool sibling;
    PlayedPool asking(quiet_options(), "numa:1 core:2 pu:1");
    for (int node = 0; node < 4; ++node) {
        void* block = sibling.get_on(node, 8 * kMiB);
        std::memset(block, 1, 8 * kMiB);
        PlayedPool::give(block);
    }
    EXPECT_EQ(sibling->statistics().idle_bytes, 32 * kMiB);
    PlayedPool::give(asking.get(100));
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM, 1, 2);  // both sizes of the first attempt
    void* block = asking.get(65 * kMiB);  // of no round number of bytes, so that there are two sizes to try
    EXPECT_NE(block, nullptr);
    EXPECT_EQ(sibling->statistics().idle_bytes, 0U);
    EXPECT_EQ(sibling->statistics().evicted(EvictionCause::kMaxBytes).bytes, 32 * kMiB);
    PlayedPool::give(block);
}

// F07: what the limit refuses is refused without asking the system.
TEST_F(RefusedMemory, F07_TheLimitSpeaksBeforeTheSystemIsAsked) {
    PoolOptions options = quiet_options();
    options.max_bytes = 4 * kMiB;
    PlayedPool pool(options);
    const std::uint64_t maps = FakeSystemCalls::count(Call::kMap);
    EXPECT_EQ(pool.get(4 * kMiB + 1), nullptr);
    EXPECT_EQ(pool.failure().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(FakeSystemCalls::count(Call::kMap), maps);
    EXPECT_EQ(FakeSystemCalls::count(Call::kProtect), 0U);
}

// F02
TEST_F(RefusedMemory, F02_ImpossibleSizesNeverReachTheSystem) {
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    PlayedPool::give(pool.get(2 * kMiB));  // a block in a slot, which no wrapped size may match
    const std::uint64_t maps = FakeSystemCalls::count(Call::kMap);
    for (const std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} - 64 * kKiB, std::size_t{1} << 63}) {
        EXPECT_EQ(pool.get(bytes), nullptr) << bytes;
        EXPECT_EQ(pool.failure().code, ErrorCode::kInvalidSize);
    }
    EXPECT_EQ(FakeSystemCalls::count(Call::kMap), maps);
    EXPECT_EQ(pool->statistics().idle_bytes, 2 * kMiB);
}

// F32
TEST_F(RefusedMemory, F32_EveryRefusedCallLosesNothing) {
    for (const Call call : {Call::kMap, Call::kProtect, Call::kAdvise, Call::kUnmap}) {
        for (std::uint64_t nth = 1; nth <= 12; ++nth) {
            PlayedPool pool;
            FakeSystemCalls::refuse(call, ENOMEM, nth, 2);
            std::vector<void*> blocks;
            for (std::size_t i = 0; i < 60; ++i) {
                void* block = pool.get_on(static_cast<int>(i % 4), i % 3 == 0 ? 3 * kMiB : 700 * i);
                if (block != nullptr) blocks.push_back(block);
                if (i % 7 == 6 && !blocks.empty()) {
                    EXPECT_EQ(PlayedPool::give(blocks.back()), ErrorCode::kOk);
                    blocks.pop_back();
                }
            }
            EXPECT_EQ(pool->statistics().live_buffers, blocks.size());
            expect_consistent(pool->statistics());
            for (void* block : blocks) EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
            FakeSystemCalls::allow_all();
            pool->trim(0, EvictionCause::kTrim);
            const Statistics after = pool->statistics();
            EXPECT_EQ(after.live_bytes, 0U);
            EXPECT_EQ(after.idle_bytes, 0U) << "call " << static_cast<int>(call) << ", refused at " << nth;
            void* again = pool.get(3 * kMiB);
            EXPECT_NE(again, nullptr);
            PlayedPool::give(again);
        }
    }
}

TEST_F(RefusedMemory, LittleAddressSpaceIsEnough) {
    FakeSystemCalls::refuse_maps_above(3 * kGiB);
    Topology topology = synthetic_topology("numa:1 core:1 pu:1");
    CoreSettings settings;  // ranges of 64 GiB, were they to be had
    settings.topology = &topology;
    PoolCore* core = PoolCore::create(quiet_options(), settings);
    ASSERT_NE(core, nullptr);
    base::Failure failure;
    void* block = core->allocate(8 * kMiB, {}, failure);
    EXPECT_NE(block, nullptr);
    PlayedPool::give(block);
    core->release();
}

// F34
TEST_F(RefusedMemory, F34_WhatCannotBeGivenBackIsNotCalledReleased) {
    PlayedPool pool;
    void* block = pool.get(8 * kMiB);
    PlayedPool::give(block);
    FakeSystemCalls::refuse_advice(MADV_DONTNEED, EINVAL);
    EXPECT_EQ(pool->trim(0, EvictionCause::kTrim), 0U);
    EXPECT_EQ(pool->statistics().idle_bytes, 8 * kMiB);
    FakeSystemCalls::allow_all();
    EXPECT_EQ(pool->trim(0, EvictionCause::kTrim), 8 * kMiB);
}

}  // namespace
}  // namespace numapool::detail
