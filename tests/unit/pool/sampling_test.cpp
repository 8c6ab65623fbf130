// Owns: checks of the samples among a pool's blocks: how they come about, what is told, what they cost.
// Must not know: how a sample's misuse is found.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "numapool/call_place.h"

#include "fencing_fixture.h"
#include "os/virtual_memory.h"
#include "pool/sample_clock.h"

namespace numapool::detail {
namespace {

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

// A program that never gets over its bug is told often enough, and pays for that only so long.
TEST_F(Sampled, F24_APoolThatToldOfManyTakesNoMoreSamples) {
    static_cast<void>(told_by([&] {
        for (int i = 0; i < 8; ++i) {
            void* block = sample(24 * kMiB);
            ASSERT_NE(block, nullptr);
            EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
            EXPECT_EQ(read_from(block, 7), read_from(block, 7));
        }
    }));
    EXPECT_EQ(pool_->statistics().misuses, 8U);
    EXPECT_FALSE(pool_->samples());
    pool_->trim(0, EvictionCause::kTrim);
    EXPECT_EQ(pool_->statistics().memory_usage_bytes, 0U) << "large blocks serve again";
}

// The same for samples that live as long as the program.
TEST_F(Sampled, SoManyLiveOnesAreEnough) {
    std::vector<void*> blocks;
    const std::size_t before = mappings();
    while (pool_->samples() && blocks.size() < 1000) blocks.push_back(sample(100));
    EXPECT_LE(blocks.size(), 256U);
    EXPECT_LE(mappings() - before, 1024U);
    PlayedPool::give(blocks.back());
    pool_->trim(0, EvictionCause::kTrim);
    EXPECT_TRUE(pool_->samples());
    blocks.pop_back();
    for (void* block : blocks) PlayedPool::give(block);
}

// F33: where a fault would not come to the library, no page is closed.
TEST_F(Sampled, F33_WithoutTheHandlerNoPageIsClosed) {
    static_cast<void>(sample(100));  // the handler is there
    struct sigaction ours{};
    struct sigaction other{};
    other.sa_handler = [](int) { std::_Exit(3); };
    ASSERT_EQ(::sigaction(SIGSEGV, &other, &ours), 0);
    void* block = sample(4096);
    write_to(block, 4096);
    EXPECT_NE(told_by([&] { PlayedPool::give(block); }).find("written out of bounds"), std::string::npos);
    write_to(block, 7);
    ASSERT_EQ(::sigaction(SIGSEGV, &ours, nullptr), 0);
}

// The program was interrupted where it may be about to look at errno.
TEST_F(Sampled, AReportLeavesErrnoAlone) {
    void* block = sample(4096);
    ASSERT_NE(block, nullptr);
    const int told_to = ::dup(STDERR_FILENO);
    const int nowhere = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::dup2(nowhere, STDERR_FILENO), STDERR_FILENO) << "where writing fails";
    errno = ENOTTY;
    write_to(block, 4096);
    const int after = errno;
    ::dup2(told_to, STDERR_FILENO);
    ::close(told_to);
    ::close(nowhere);
    EXPECT_EQ(after, ENOTTY);
    EXPECT_EQ(pool_->statistics().misuses, 1U);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
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
    PlayedPool::give(sample(100));  // the first one's record brings memory for others
    pool_->trim(0, EvictionCause::kTrim);
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
    EXPECT_TRUE(SampleClock::due());
    SampleClock::spend(std::chrono::milliseconds(600'000) / 400);
    EXPECT_FALSE(SampleClock::due()) << "though one was due for long";
    SampleClock::reset();
}

}  // namespace
}  // namespace numapool::detail
