// Owns: checks of blocks that are watched for misuse: what is found, what is told, what it costs.
// Must not know: how records are kept.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "numapool/call_place.h"

#include "os/memory_tools.h"
#include "os/virtual_memory.h"
#include "played_pool.h"
#include "pool/sample_clock.h"

namespace numapool::detail {
namespace {

constexpr std::size_t kSizes[] = {1, 64, 100, 4096, 5000, 64 * kKiB, 300 * kKiB, kMiB, 3 * kMiB + 5};

std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    std::size_t count = 0;
    while (std::getline(maps, line)) ++count;
    return count;
}

/// Volatile, so that no compiler sees what is wrong with it.
void write_to(void* block, std::ptrdiff_t offset, char value = 1) {
    static_cast<volatile char*>(block)[offset] = value;
}
char read_from(const void* block, std::ptrdiff_t offset) {
    return static_cast<const volatile char*>(block)[offset];
}

/// What a piece of the program that should be told off wrote to stderr.
template <class Run>
std::string told_by(Run run) {
    testing::internal::CaptureStderr();
    run();
    return testing::internal::GetCapturedStderr();
}

class Fencing : public testing::Test {
protected:
    void SetUp() override {
        if (os::tools_watch()) GTEST_SKIP() << "a tool watches the process: it finds these itself";
    }
    static void expect_consistent(const Statistics& s) {
        EXPECT_EQ(s.memory_usage_bytes, s.live_bytes + s.idle_bytes);
        EXPECT_LE(s.cache_hits, s.total_allocations);
    }
};
using FencingDeathTest = Fencing;

const char* const kOneNode = "numa:1 core:2 pu:1";

/// A pool all of whose blocks are watched.
struct Checked : PlayedPool {
    explicit Checked(const PoolOptions& options = quiet_options())
        : PlayedPool(options, kOneNode, CheckMode::kAll) {}
};

TEST_F(Fencing, BlocksAreWholeAlignedAndCounted) {
    Checked pool;
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (const std::size_t bytes : kSizes) {
        for (const std::size_t alignment : {std::size_t{64}, std::size_t{4096}, std::size_t{1} << 21}) {
            void* block = pool.get(bytes, {.alignment = alignment, .zeroed = true});
            ASSERT_NE(block, nullptr) << bytes;
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0U);
            const auto* at = static_cast<const char*>(block);
            EXPECT_TRUE(std::all_of(at, at + bytes, [](char byte) { return byte == 0; })) << bytes;
            std::memset(block, 0x5A, bytes);
            EXPECT_TRUE(pool->find_block(block));
            blocks.emplace_back(block, bytes);
        }
    }
    const Statistics held = pool->statistics();
    EXPECT_EQ(held.fenced_allocations, blocks.size());
    EXPECT_EQ(held.live_buffers, blocks.size());
    expect_consistent(held);
    for (const auto& [block, bytes] : blocks) EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk) << bytes;
    EXPECT_EQ(pool->statistics().live_buffers, 0U);
    EXPECT_EQ(pool->statistics().misuses, 0U);
    expect_consistent(pool->statistics());
    pool->trim(0, EvictionCause::kTrim);
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 0U) << "what waited is idle memory like any other";
}

// F25: by one byte up to one page, behind and before.
TEST_F(FencingDeathTest, F25_AnOverrunEndsTheProcess) {
    Checked pool;
    for (const std::size_t bytes : kSizes) {
        void* block = pool.get(bytes);
        const auto size = static_cast<std::ptrdiff_t>(bytes);
        for (const std::ptrdiff_t beyond : {std::ptrdiff_t{0}, std::ptrdiff_t{1}, std::ptrdiff_t{4095}}) {
            EXPECT_DEATH((write_to(block, size + beyond), PlayedPool::give(block)),
                         "out of bounds: .* " + std::to_string(beyond + 1) +
                             " bytes behind the end of a block of " + std::to_string(bytes) + " bytes")
                << bytes;
        }
        for (const std::ptrdiff_t before : {1, 64, 4095}) {
            EXPECT_DEATH((write_to(block, -before), PlayedPool::give(block)),
                         "out of bounds: .* " + std::to_string(before) + " bytes before the start")
                << bytes;
        }
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    }
}

// F25
TEST_F(FencingDeathTest, F25_ReadingPastTheEndOfAPageIsFound) {
    Checked pool;
    void* block = pool.get(4096);
    EXPECT_DEATH(read_from(block, 4096), "access out of bounds: .* 1 bytes behind the end");
    PlayedPool::give(block);
}

// F24
TEST_F(FencingDeathTest, F24_UseAfterReturnEndsTheProcess) {
    Checked pool;
    for (const std::size_t bytes : kSizes) {
        void* block = pool.get(bytes);
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
        const auto last = static_cast<std::ptrdiff_t>(bytes) - 1;
        EXPECT_DEATH(write_to(block, last), "use after return: .* at byte " + std::to_string(last));
        EXPECT_DEATH(read_from(block, 0),
                     "use after return: .*\n(.*\n)*.*it was handed out by thread(.*\n)*"
                     ".*it was returned by thread");
    }
}

// F09
TEST_F(FencingDeathTest, F09_ASecondReturnTellsOfTheFirst) {
    Checked pool;
    void* block = pool.get(1000);
    PlayedPool::give(block);
    EXPECT_DEATH(PlayedPool::give(block),
                 "bad return: .*already returned\n(.*\n)*.*it was returned now(.*\n)*"
                 ".*it was returned first by thread");
}

// F23
TEST_F(FencingDeathTest, F23_APointerIntoABlockTellsWhoHasIt) {
    Checked pool;
    void* block = pool.get(1000);
    EXPECT_DEATH(PlayedPool::give(static_cast<char*>(block) + 8), "bad return: .*(.*\n)*.*it was handed out");
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
}

// F08
TEST_F(FencingDeathTest, F08_AForeignPointerIsTold) {
    Checked pool;
    int local = 0;
    EXPECT_DEATH(PoolCore::return_block(&local, ReturnedBy::kCaller, &pool.core()), "bad return: .*foreign");
}

// F13
TEST_F(FencingDeathTest, F13_TheWrongPoolIsTold) {
    Checked pool;
    Checked other;
    void* block = pool.get(1000);
    EXPECT_DEATH(PoolCore::return_block(block, ReturnedBy::kCaller, &other.core()),
                 "bad return: .*wrong pool");
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
}

// F25: with as many mappings as there may be, a pattern stands in for pages.
TEST_F(FencingDeathTest, F25_WithoutMappingsAPatternTellsOnReturn) {
    FakeSystemCalls fake;
    Checked pool;
    void* warm = pool.get(100);  // what the arena itself needs is there
    PlayedPool::give(warm);
    pool->trim(0, EvictionCause::kTrim);
    void* first = pool.get(100);
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
    void* block = pool.get(100);
    ASSERT_NE(block, nullptr);
    EXPECT_DEATH((write_to(block, 100), PlayedPool::give(block)), "written out of bounds: .* 1 bytes behind");
    EXPECT_DEATH((write_to(block, -1), PlayedPool::give(block)), "written out of bounds: .* 1 bytes before");
    EXPECT_DEATH((PlayedPool::give(block), write_to(block, 5), pool->trim(0, EvictionCause::kTrim)),
                 "written after return: .* at byte 5");
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(first), ErrorCode::kOk);
    FakeSystemCalls::allow_all();
    pool->trim(0, EvictionCause::kTrim);
    expect_consistent(pool->statistics());
}

/// A pool of which a block is watched now and then.
class Sampled : public Fencing {
protected:
    void SetUp() override {
        Fencing::SetUp();
        SampleClock::reset();
        static_cast<void>(SampleClock::take());  // none is due but where a test says so
    }
    static PoolOptions decaying() {
        PoolOptions options = quiet_options();
        options.idle_decay = std::chrono::hours(1);
        return options;
    }
    /// A block that is the sample.
    void* sample(std::size_t bytes, const Request& request = {}) {
        SampleClock::reset();
        pool_->decay(static_cast<std::uint32_t>(os::coarse_milliseconds()), 10);
        const std::uint64_t before = pool_->statistics().fenced_allocations;
        void* block = pool_.get(bytes, request);
        EXPECT_EQ(pool_->statistics().fenced_allocations, before + 1);
        return block;
    }
    PlayedPool pool_{decaying(), kOneNode, CheckMode::kSampled};
};

TEST_F(Sampled, TheReportNamesCallSitesAndPlaces) {
    set_place_namer([](char* text, std::size_t bytes) noexcept {
        static_cast<void>(std::snprintf(text, bytes, "train.py:12 in step"));
    });
    void* block = sample(100);
    write_to(block, 100);
    const std::string told = told_by([&] { PlayedPool::give(block); });
    set_place_namer(nullptr);
    EXPECT_THAT(told, testing::HasSubstr("it was handed out by thread " + std::to_string(::gettid()) +
                                         ", train.py:12 in step:"));
    EXPECT_THAT(told, testing::HasSubstr("unit_pool")) << "frames name their module";
}

// F24, F25: told, and the program goes on, and nobody else's bytes were touched.
TEST_F(Sampled, F24_F25_MisuseIsToldAndTheProgramGoesOn) {
    void* block = sample(4096);
    ASSERT_NE(block, nullptr);
    EXPECT_NE(told_by([&] { write_to(block, 4096); }).find("access out of bounds"), std::string::npos);
    EXPECT_NE(told_by([&] { write_to(block, -1); }).find("access out of bounds"), std::string::npos);
    EXPECT_EQ(told_by([&] { write_to(block, 4097); }), "") << "told once";
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_NE(told_by([&] { write_to(block, 7); }).find("use after return"), std::string::npos);
    EXPECT_EQ(read_from(block, 7), 1);
    EXPECT_EQ(pool_->statistics().misuses, 3U);
    pool_->trim(0, EvictionCause::kTrim);
    // What someone still writes to is never handed out again.
    for (int i = 0; i < 2000; ++i) EXPECT_NE(pool_.get(4096), block);
    EXPECT_EQ(read_from(block, 7), 1);
}

// F09
TEST_F(Sampled, F09_ASecondReturnIsRefused) {
    void* block = sample(100);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kAlreadyReturned);
    EXPECT_FALSE(pool_->find_block(block));
    expect_consistent(pool_->statistics());
}

// A sample of a large block takes memory that is idle, and what waits of it serves the next request that
// needs it.
TEST_F(Sampled, ALargeSampleFaultsNoPage) {
    for (const std::size_t bytes : {24 * kMiB, 24 * kMiB + 100}) {
        void* block = pool_.get(bytes);
        std::memset(block, 1, bytes);
        PlayedPool::give(block);
        const std::uint64_t committed = pool_->statistics().memory_usage_bytes;
        block = sample(bytes);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(pool_->statistics().memory_usage_bytes, committed);
        EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
        EXPECT_NE(told_by([&] { read_from(block, 12345); }), "") << "closed, not given away";
        pool_->trim(0, EvictionCause::kTrim);
    }
}

TEST_F(Sampled, WhatWaitsServesTheNextRequestThatNeedsIt) {
    constexpr std::size_t kBytes = 24 * kMiB;
    void* block = pool_.get(kBytes);
    PlayedPool::give(block);
    block = sample(kBytes);
    ASSERT_NE(block, nullptr);
    PlayedPool::give(block);
    const Statistics before = pool_->statistics();
    void* next = pool_.get(kBytes);
    const Statistics after = pool_->statistics();
    EXPECT_EQ(after.memory_usage_bytes, before.memory_usage_bytes);
    EXPECT_EQ(after.cache_hits, before.cache_hits + 1);
    std::memset(next, 1, kBytes);
    PlayedPool::give(next);
}

TEST_F(Sampled, MappingsAreAsTheyWereOnceAllCameBack) {
    void* warm = pool_.get(8 * kMiB);
    std::memset(warm, 1, 8 * kMiB);
    PlayedPool::give(warm);
    const std::size_t before = mappings();
    for (int i = 0; i < 3; ++i) {
        void* block = sample(4 * kMiB + 100);
        ASSERT_NE(block, nullptr);
        EXPECT_GT(mappings(), before);
        std::memset(block, 1, 4 * kMiB);
        PlayedPool::give(block);
        void* all = pool_.get(8 * kMiB);  // needs what waits
        std::memset(all, 1, 8 * kMiB);
        PlayedPool::give(all);
        EXPECT_LE(mappings(), before + 1) << "one may begin where the arena grew";
    }
}

// The short ways are closed for one request only.
TEST_F(Sampled, ATickCallsForTheSampleAndTheShortWaysOpenAgain) {
    PlayedPool::give(pool_.get(100));
    void* block = pool_->allocate_hot(100);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    SampleClock::reset();
    EXPECT_FALSE(pool_->watches_next());
    pool_->decay(static_cast<std::uint32_t>(os::coarse_milliseconds()), 10);
    EXPECT_TRUE(pool_->watches_next());
    EXPECT_EQ(pool_->allocate_hot(100), nullptr);
    block = pool_.get(100);
    EXPECT_EQ(pool_->statistics().fenced_allocations, 1U);
    EXPECT_FALSE(pool_->watches_next());
    PlayedPool::give(block);
    block = pool_->allocate_hot(100);
    EXPECT_NE(block, nullptr);
    PlayedPool::give(block);
    pool_->decay(static_cast<std::uint32_t>(os::coarse_milliseconds()), 10);
    EXPECT_FALSE(pool_->watches_next()) << "not before half a second";
}

TEST(SampleClock, OneInSoManyPartsOfTheTimeAtMost) {
    SampleClock::reset();
    EXPECT_TRUE(SampleClock::take());
    EXPECT_FALSE(SampleClock::take());
    SampleClock::reset();
    const auto now = std::chrono::milliseconds(os::coarse_milliseconds());
    SampleClock::spend((now - std::chrono::seconds(5)) / 400);
    EXPECT_TRUE(SampleClock::due());
    SampleClock::spend(std::chrono::milliseconds(10000) / 400);
    EXPECT_FALSE(SampleClock::due());
    SampleClock::reset();
}

// F32, F33: whatever the system refuses, nothing is lost.
TEST_F(Fencing, F33_RefusedProtectionLosesNothing) {
    FakeSystemCalls fake;
    for (std::uint64_t nth = 1; nth <= 40; ++nth) {
        Checked pool;
        FakeSystemCalls::refuse(Call::kProtect, ENOMEM, nth, 3);
        std::vector<void*> blocks;
        for (std::size_t i = 0; i < 30; ++i) {
            if (void* block = pool.get(i % 5 == 0 ? 2 * kMiB + 100 : 500 * i); block != nullptr)
                blocks.push_back(block);
            if (i % 3 == 2 && !blocks.empty()) {
                EXPECT_EQ(PlayedPool::give(blocks.back()), ErrorCode::kOk);
                blocks.pop_back();
            }
        }
        EXPECT_EQ(pool->statistics().live_buffers, blocks.size());
        for (void* block : blocks) EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
        FakeSystemCalls::allow_all();
        expect_consistent(pool->statistics());
        EXPECT_EQ(pool->statistics().live_buffers, 0U) << nth;
        EXPECT_EQ(pool->statistics().misuses, 0U) << nth;
    }
}

// F26
TEST_F(Fencing, F26_ZeroOnReturnLeavesNoSecretBehind) {
    PoolOptions options = quiet_options();
    options.zero_on_return = true;
    FakeSystemCalls fake;
    for (const bool pages : {true, false}) {
        Checked pool(options);
        PlayedPool::give(pool.get(100));
        pool->trim(0, EvictionCause::kTrim);
        void* first = pool.get(100);
        if (!pages) FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
        void* block = pool.get(100);
        ASSERT_NE(block, nullptr);
        std::memset(block, 0x77, 100);
        PlayedPool::give(block);
        FakeSystemCalls::allow_all();
        pool->trim(0, EvictionCause::kTrim);
        const auto* at = static_cast<const unsigned char*>(block);  // its pages stay: `first` keeps the slab
        EXPECT_TRUE(std::none_of(at, at + 100, [](unsigned char byte) { return byte == 0x77; }));
        PlayedPool::give(first);
    }
}

// F20
TEST_F(Fencing, F20_AForkedChildChecksToo) {
    Checked pool;
    void* block = pool.get(1000);
    const pid_t child = ::fork();
    if (child == 0) {
        std::memset(block, 1, 1000);
        void* own = pool.get(2000);
        const bool good = own != nullptr && PlayedPool::give(own) == ErrorCode::kOk &&
                          PlayedPool::give(block) == ErrorCode::kOk;
        ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
}

// F14
TEST_F(Fencing, F14_WatchedBlocksOutliveTheirPool) {
    void* block = nullptr;
    {
        Checked pool;
        block = pool.get(100);
        PlayedPool::give(pool.get(100));
    }
    std::memset(block, 1, 100);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kForeignPointer) << "the pool went with its last block";
}

}  // namespace
}  // namespace numapool::detail
