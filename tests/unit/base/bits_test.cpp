// Owns: checks of the arithmetic on powers of two, and of result and counter.
// Must not know: what the numbers mean.
#include "base/bits.h"

#include <string>

#include <gtest/gtest.h>

#include "base/counter.h"
#include "base/result.h"

namespace numapool::base {
namespace {

TEST(Bits, RoundsToMultiples) {
    EXPECT_EQ(align_up(0, 64), 0U);
    EXPECT_EQ(align_up(1, 64), 64U);
    EXPECT_EQ(align_up(64, 64), 64U);
    EXPECT_EQ(align_down(127, 64), 64U);
    EXPECT_EQ(align_up((std::size_t{1} << 62) + 1, std::size_t{1} << 30), (std::size_t{1} << 62) + (1 << 30));
}

TEST(Bits, KnowsPowersOfTwo) {
    EXPECT_FALSE(is_power_of_two(0));
    for (unsigned bit = 0; bit < 64; ++bit) {
        EXPECT_TRUE(is_power_of_two(std::size_t{1} << bit));
        EXPECT_EQ(floor_log2(std::size_t{1} << bit), bit);
        if (bit < 2) continue;
        EXPECT_FALSE(is_power_of_two((std::size_t{1} << bit) - 1));
        EXPECT_EQ(floor_log2((std::size_t{1} << bit) - 1), bit - 1);
    }
}

TEST(Result, IsAValueOrAFailure) {
    Result<int> good = 7;
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 7);
    const Result<int> bad = Failure{ErrorCode::kOutOfMemory, 12, 100, 50};
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.failure().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(bad.failure().system_error, 12);
}

TEST(Errors, EveryCodeHasAName) {
    for (int code = 0; code <= static_cast<int>(ErrorCode::kInterrupted); ++code) {
        EXPECT_STRNE(to_string(static_cast<ErrorCode>(code)), "unknown");
    }
    EXPECT_STREQ(to_string(static_cast<ErrorCode>(static_cast<int>(ErrorCode::kInterrupted) + 1)), "unknown");
}

TEST(Counter, AddsUp) {
    Counter counter;
    counter.add(2);
    counter.add(40);
    EXPECT_EQ(counter.get(), 42U);
}

}  // namespace
}  // namespace numapool::base
