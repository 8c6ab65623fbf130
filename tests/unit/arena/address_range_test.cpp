// Owns: checks of reserving ranges and of finding them by address.
// Must not know: blocks.
#include "arena/address_range.h"

#include <cerrno>

#include "arena_fixture.h"
#include "fakes/fake_system_calls.h"
#include "fakes/mapped_bytes.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

class AddressRangeTest : public ArenaFixture {};

TEST_F(AddressRangeTest, IsFoundFromEveryAddressInItAndNoOther) {
    AddressRange* range = reserve_range(2 * kGiB, kGiB, Purpose::kLargeBlock, arena_);
    ASSERT_NE(range, nullptr);
    EXPECT_EQ(range->base % kGiB, 0U);
    EXPECT_EQ(range->slices * base::kSliceBytes, 2 * kGiB);
    EXPECT_EQ(find_range(range->base), range);
    EXPECT_EQ(find_range(range->base + kGiB - 1), range);
    EXPECT_EQ(find_range(range->base + 2 * kGiB - 1), range);
    EXPECT_NE(find_range(range->base + 2 * kGiB), range);
    EXPECT_NE(find_range(range->base - 1), range);
    const int local = 0;
    EXPECT_EQ(find_range(reinterpret_cast<std::uintptr_t>(&local)), nullptr);
    EXPECT_EQ(find_range(0), nullptr);
    EXPECT_EQ(find_range(~std::uintptr_t{0}), nullptr) << "beyond user addresses";
    const std::uintptr_t base = range->base;
    release_range(range);
    EXPECT_EQ(find_range(base), nullptr);
}

TEST_F(AddressRangeTest, LeavesTheRestToTheProgramWhereAddressesAreFew) {
    FakeSystemCalls fake;
    for (const std::size_t most : {63 * kGiB, 127 * kGiB}) {  // not even the range, or no more than it
        FakeSystemCalls::refuse_maps_above(most);
        AddressRange* range = reserve_range(64 * kGiB, 2 * kGiB, Purpose::kLargeBlock, arena_);
        ASSERT_NE(range, nullptr);
        EXPECT_EQ(range->slices * base::kSliceBytes, 2 * kGiB) << "of " << most;
        release_range(range);
    }
}

TEST_F(AddressRangeTest, GivesUpAtTheLeast) {
    FakeSystemCalls fake;
    FakeSystemCalls::refuse_maps_above(5 * kGiB);
    EXPECT_EQ(reserve_range(64 * kGiB, 8 * kGiB, Purpose::kLargeBlock, arena_), nullptr);
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    EXPECT_EQ(reserve_range(64 * kGiB, 0, Purpose::kLargeBlock, arena_), nullptr)
        << "and does not try for ever";
}

TEST_F(AddressRangeTest, RefusedRecordsLoseNothing) {
    FakeSystemCalls fake;
    for (const std::uint64_t nth : {1U, 2U, 3U}) {  // the addresses, their records, their marks
        const std::size_t before = fakes::mapped_bytes();
        FakeSystemCalls::refuse(Call::kMap, ENOMEM, nth, 1);
        AddressRange* range = reserve_range(2 * kGiB, kGiB, Purpose::kLargeBlock, arena_);
        ASSERT_NE(range, nullptr);
        const std::size_t got = nth == 1 ? 2 * kGiB : kGiB;  // addresses are tried without padding first
        EXPECT_EQ(range->slices * base::kSliceBytes, got) << "map " << nth << " was refused";
        release_range(range);
        EXPECT_EQ(fakes::mapped_bytes(), before) << "what came before map " << nth << " went back";
    }
}

}  // namespace
}  // namespace numapool::arena
