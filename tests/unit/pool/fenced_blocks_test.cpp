// Owns: checks of the records of watched blocks and of the order in which returned ones wait.
// Must not know: pools.
#include "pool/fenced_blocks.h"

#include <malloc.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "fakes/mapped_bytes.h"

namespace numapool::detail {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;
using fakes::mapped_bytes;

constexpr std::size_t kMiB = std::size_t{1} << 20;

FencedBlock block_at(std::uintptr_t address) {
    FencedBlock block;
    block.inner = address;
    block.inner_bytes = 64;
    return block;
}

TEST(FencedBlocksTest, TheOldestGoesWhenThereAreTooManyOrTheyAreTooLarge) {
    FencedBlocks blocks;
    for (std::uintptr_t i = 1; i <= 3; ++i) {
        FencedBlock block;
        block.inner = i * kMiB;
        block.inner_bytes = kMiB;
        ASSERT_TRUE(blocks.add(block));
        ASSERT_TRUE(blocks.begin_return(block.user(), {}, 0));
        EXPECT_FALSE(blocks.begin_return(block.user(), {}, 0)) << "F09";
        blocks.keep(block);
    }
    EXPECT_FALSE(blocks.take_surplus(3, 3 * kMiB));
    const auto too_large = blocks.take_surplus(3, 3 * kMiB - 1);
    ASSERT_TRUE(too_large);
    EXPECT_EQ(too_large->inner, kMiB);
    EXPECT_FALSE(blocks.take_surplus(2, 2 * kMiB));
    const auto too_many = blocks.take_surplus(1, 2 * kMiB);
    ASSERT_TRUE(too_many);
    EXPECT_EQ(too_many->inner, 2 * kMiB);
    EXPECT_FALSE(blocks.take_surplus(1, 0)) << "the last one waits whatever its size";
    EXPECT_TRUE(blocks.take_surplus(0, 0)) << "unless none shall";
    EXPECT_EQ(blocks.waiting(), 0U);
}

TEST(FencedBlocksTest, ManyAreFoundAndForgotten) {
    const std::size_t mapped = mapped_bytes();
    {
        FencedBlocks blocks;
        EXPECT_FALSE(blocks.find(64));
        for (const std::uintptr_t first : {std::uintptr_t{1}, std::uintptr_t{5001}}) {
            for (std::uintptr_t i = first; i < first + 5000; ++i) ASSERT_TRUE(blocks.add(block_at(i * 64)));
            for (std::uintptr_t i = 1; i < first + 5000; ++i)
                ASSERT_EQ(blocks.find(i * 64).has_value(), i >= first || i % 2 == 1) << i;
            for (std::uintptr_t i = 1; i < first + 5000; i += 499)
                ASSERT_EQ(blocks.find_around(i * 64 + 63).has_value(), i >= first || i % 2 == 1) << i;
            for (std::uintptr_t i = first + 1; i < first + 5000; i += 2) blocks.forget(i * 64);
        }
        EXPECT_EQ(blocks.size(), 5000U);
        EXPECT_EQ(blocks.made(), 10000U);
    }
    EXPECT_EQ(mapped_bytes(), mapped) << "the records go with their pool";
}

// F31: a handler may have interrupted malloc.
TEST(FencedBlocksTest, F31_RecordsNeedNoMalloc) {
    FencedBlocks blocks;
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::uintptr_t i = 1; i <= 2000; ++i) ASSERT_TRUE(blocks.add(block_at(i * 64)));
    EXPECT_EQ(::mallinfo2().uordblks, before) << "a sanitizer's own says 0 both times";
}

// F33
TEST(FencedBlocksTest, F33_WithoutMemoryTheLongerWay) {
    const FakeSystemCalls fake;
    FencedBlocks blocks;
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    EXPECT_FALSE(blocks.add(block_at(64)));
    FakeSystemCalls::allow_all();
    for (std::uintptr_t i = 1; i <= 512; ++i) ASSERT_TRUE(blocks.add(block_at(i * 64)));
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    std::uintptr_t end = 513;
    while (end < 10000 && blocks.add(block_at(end * 64))) ++end;
    EXPECT_LT(end, 10000U);
    EXPECT_EQ(blocks.size(), end - 1);
    for (std::uintptr_t i = 1; i < end; ++i) EXPECT_TRUE(blocks.find(i * 64)) << i;
    EXPECT_FALSE(blocks.find(end * 64)) << "what was refused is unknown";
}

}  // namespace
}  // namespace numapool::detail
