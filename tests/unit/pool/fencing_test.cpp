// Owns: checks of blocks that are watched for misuse: what is found, what is told, what it costs.
// Must not know: how records are kept.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fencing_fixture.h"
#include "os/virtual_memory.h"

namespace numapool::detail {
namespace {

constexpr std::size_t kSizes[] = {1, 64, 100, 4096, 5000, 64 * kKiB, 300 * kKiB, kMiB, 3 * kMiB + 5};

using FencingDeathTest = Fencing;

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
    FakeSystemCalls::refuse_forbidding(ENOMEM);
    void* block = pool.get(100);
    ASSERT_NE(block, nullptr);
    EXPECT_DEATH((write_to(block, 100), PlayedPool::give(block)), "written out of bounds: .* 1 bytes behind");
    EXPECT_DEATH((write_to(block, -1), PlayedPool::give(block)), "written out of bounds: .* 1 bytes before");
    for (const std::ptrdiff_t byte : {0, 5, 99}) {
        EXPECT_DEATH((PlayedPool::give(block), write_to(block, byte), pool->trim(0, EvictionCause::kTrim)),
                     "written after return: .* at byte " + std::to_string(byte));
    }
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(first), ErrorCode::kOk);
    FakeSystemCalls::allow_all();
    pool->trim(0, EvictionCause::kTrim);
    expect_consistent(pool->statistics());
}

// F32, F33: whatever the system refuses, at once or half-way, nothing is lost, and no holder meets a fence.
TEST_F(Fencing, F33_RefusedProtectionLosesNothing) {
    FakeSystemCalls fake;
    for (std::uint64_t nth = 1; nth <= 80; ++nth) {
        Checked pool;
        FakeSystemCalls::refused_protections_do_half(nth > 40);
        FakeSystemCalls::refuse(Call::kProtect, ENOMEM, nth > 40 ? nth - 40 : nth, nth > 40 ? 1 : 3);
        std::vector<void*> blocks;
        for (std::size_t i = 0; i < 30; ++i) {
            const std::size_t bytes = i % 5 == 0 ? 2 * kMiB + 100 : 500 * i;
            if (void* block = pool.get(bytes); block != nullptr) {
                std::memset(block, 1, bytes);
                blocks.push_back(block);
            }
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

// F33: the program needs mappings too.
TEST_F(FencingDeathTest, F33_FencesLeaveMostMappingsToTheProgram) {
    Checked pool;
    std::vector<void*> blocks;
    const std::size_t before = mappings();
    for (std::size_t i = 0; i < os::mapping_share() * 3 / 4; ++i) blocks.push_back(pool.get(64));
    EXPECT_LE(mappings() - before, os::mapping_share() + 100);
    write_to(blocks.back(), 64);
    EXPECT_DEATH(PlayedPool::give(blocks.back()), "written out of bounds: .* 1 bytes behind");
    write_to(blocks.back(), 64, static_cast<char>(0xFD));  // as it was
    for (void* block : blocks) EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    pool->trim(0, EvictionCause::kTrim);
    void* block = pool.get(64);
    EXPECT_DEATH(write_to(block, 64), "access out of bounds") << "there is room for fences again";
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
}

// F07: where there is no room for fences within max_bytes, there is for the block.
TEST_F(Fencing, F07_FencesDoNotCountAgainstMaxBytes) {
    PoolOptions options = quiet_options();
    options.max_bytes = 16 * kMiB;
    Checked pool(options);
    void* block = pool.get(16 * kMiB);
    ASSERT_NE(block, nullptr);
    std::memset(block, 1, 16 * kMiB);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    expect_consistent(pool->statistics());
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
        if (!pages) FakeSystemCalls::refuse_forbidding(ENOMEM);
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

// F20: a handler waits for nobody, and finds no record while a fork has them.
TEST_F(FencingDeathTest, F20_AForkHasTheRecordsToo) {
    Checked pool;
    void* block = pool.get(4096);
    EXPECT_DEATH(
        {
            pool->lock_all();
            std::thread([&] { read_from(block, 4096); }).join();
        },
        testing::Not(testing::HasSubstr("out of bounds")));
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
