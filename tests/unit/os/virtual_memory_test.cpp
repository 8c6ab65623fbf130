// Owns: checks of reserving, committing and giving back address space, on the kernel and with refusals.
// Must not know: blocks, pools.
#include "os/virtual_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "fakes/mapped_bytes.h"
#include "os/system_calls.h"

namespace numapool::os {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;
using fakes::mapped_bytes;

constexpr std::size_t kMiB = std::size_t{1} << 20;

char* bytes_at(std::uintptr_t address) { return reinterpret_cast<char*>(address); }

TEST(VirtualMemory, ReservesAtTheAlignmentAskedFor) {
    const std::size_t alignment = std::size_t{1} << 30;
    const std::uintptr_t start = reserve(4 * kMiB, alignment);
    ASSERT_NE(start, 0U);
    EXPECT_EQ(start % alignment, 0U);
    EXPECT_EQ(resident_bytes(start, 4 * kMiB), 0U);
    EXPECT_EQ(release(start, 4 * kMiB), 0);
}

TEST(VirtualMemory, KeepsNoAddressesBesideThoseAskedFor) {
    const std::size_t before = mapped_bytes();
    const std::uintptr_t start = reserve(4 * kMiB, std::size_t{1} << 30);
    ASSERT_NE(start, 0U);
    EXPECT_LT(mapped_bytes() - before, 8 * kMiB) << "of the gigabyte that aligning took";
    release(start, 4 * kMiB);
    EXPECT_LT(mapped_bytes() - before, 4 * kMiB);
}

TEST(VirtualMemory, ReservesTheLastAddressesToo) {
    const std::size_t alignment = std::size_t{1} << 30;
    FakeSystemCalls fake;
    FakeSystemCalls::refuse_maps_above(alignment);  // not even a page to align with
    const std::size_t before = mapped_bytes();
    const std::uintptr_t start = reserve(alignment, alignment);
    ASSERT_NE(start, 0U);
    EXPECT_EQ(start % alignment, 0U);
    EXPECT_EQ(mapped_bytes(), before + alignment);
    release(start, alignment);
    EXPECT_EQ(mapped_bytes(), before);
}

TEST(VirtualMemory, PagesAppearOnTouchAndReadZeroAfterDecommit) {
    const std::uintptr_t start = reserve(4 * kMiB, 2 * kMiB);
    ASSERT_NE(start, 0U);
    ASSERT_EQ(commit(start, 4 * kMiB), 0);
    ASSERT_EQ(advise_huge_pages(start, 4 * kMiB, false) & ~EINVAL, 0);
    std::memset(bytes_at(start), 1, kMiB);
    EXPECT_EQ(resident_bytes(start, 4 * kMiB), kMiB);
    ASSERT_EQ(decommit(start, 4 * kMiB), 0);
    EXPECT_EQ(resident_bytes(start, 4 * kMiB), 0U);
    EXPECT_EQ(bytes_at(start)[kMiB - 1], 0);
    release(start, 4 * kMiB);
}

TEST(VirtualMemory, PopulateFaultsInAndKeepsContents) {
    const std::uintptr_t start = reserve(2 * kMiB, 2 * kMiB);
    ASSERT_EQ(commit(start, 2 * kMiB), 0);
    bytes_at(start)[5] = 42;
    EXPECT_EQ(populate(start, 2 * kMiB), 0);
    EXPECT_EQ(resident_bytes(start, 2 * kMiB), 2 * kMiB);
    EXPECT_EQ(bytes_at(start)[5], 42);
    release(start, 2 * kMiB);
}

TEST(VirtualMemory, PopulatesByTouchingWhereTheKernelLacksTheCall) {
    FakeSystemCalls fake;
    const std::uintptr_t start = reserve(2 * kMiB, 2 * kMiB);
    ASSERT_EQ(commit(start, 2 * kMiB), 0);
    bytes_at(start)[page_bytes()] = 42;
    FakeSystemCalls::refuse(Call::kAdvise, EINVAL);
    EXPECT_EQ(populate(start, 2 * kMiB), 0);
    EXPECT_EQ(resident_bytes(start, 2 * kMiB), 2 * kMiB);
    EXPECT_EQ(bytes_at(start)[page_bytes()], 42);
    FakeSystemCalls::allow_all();
    release(start, 2 * kMiB);
}

TEST(VirtualMemory, RefusalsAreToldByValue) {
    FakeSystemCalls fake;
    const std::uintptr_t start = reserve(2 * kMiB, 2 * kMiB);
    FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
    EXPECT_EQ(commit(start, kMiB), ENOMEM);
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    EXPECT_EQ(reserve(kMiB, kMiB), 0U);
    EXPECT_EQ(map_records(kMiB), nullptr);
    FakeSystemCalls::allow_all();
    release(start, 2 * kMiB);
}

// F34
TEST(Faults, F34_AdviceIsRetriedABoundedNumberOfTimes) {
    FakeSystemCalls fake;
    const std::uintptr_t start = reserve(2 * kMiB, 2 * kMiB);
    ASSERT_EQ(commit(start, 2 * kMiB), 0);
    FakeSystemCalls::refuse(Call::kAdvise, EAGAIN, 1, 2);  // twice "at the moment", then served
    EXPECT_EQ(decommit(start, 2 * kMiB), 0);
    const std::uint64_t before = FakeSystemCalls::count(Call::kAdvise);
    FakeSystemCalls::refuse(Call::kAdvise, EAGAIN);
    EXPECT_EQ(decommit(start, 2 * kMiB), EAGAIN);
    EXPECT_LE(FakeSystemCalls::count(Call::kAdvise) - before, 16U);
    FakeSystemCalls::refuse(Call::kAdvise, EINVAL);
    EXPECT_EQ(decommit(start, 2 * kMiB), EINVAL);
    FakeSystemCalls::allow_all();
    release(start, 2 * kMiB);
}

TEST(VirtualMemory, OverflowingReservationsAreRefusedWithoutACall) {
    FakeSystemCalls fake;
    EXPECT_EQ(reserve(~std::size_t{0} - 10, kMiB), 0U);
    EXPECT_EQ(FakeSystemCalls::count(Call::kMap), 0U);
}

TEST(SystemCalls, AreCounted) {
    const std::uint64_t before = system_call_count();
    const std::uintptr_t start = reserve(kMiB, page_bytes());
    release(start, kMiB);
    EXPECT_GE(system_call_count(), before + 2);
}

TEST(Clock, MovesForwardOnly) {
    const std::uint64_t first = coarse_milliseconds();
    EXPECT_GE(coarse_milliseconds(), first);
}

}  // namespace
}  // namespace numapool::os
