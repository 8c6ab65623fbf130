// Owns: checks that moved pages arrive, leave zeros behind, and that what failed can be made good.
// Must not know: who moves pages.
#include "os/remapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/trial_memory.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

class Remapping : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(memory_.error(), 0);
        if (!can_remap()) GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    }
    char* at(std::size_t page) const {
        return reinterpret_cast<char*>(memory_.address() + page * page_bytes());
    }
    std::uintptr_t address(std::size_t page) const { return memory_.address() + page * page_bytes(); }

    TrialMemory memory_{8 * page_bytes(), page_bytes()};
};

TEST_F(Remapping, PagesArriveAndLeaveZerosBehind) {
    std::memset(at(0), 1, 2 * page_bytes());
    std::memset(at(4), 2, 2 * page_bytes());
    ASSERT_EQ(remap(address(0), address(4), 2 * page_bytes()), 0);
    for (std::size_t byte = 0; byte < 2 * page_bytes(); ++byte) {
        ASSERT_EQ(at(4)[byte], 1);
        ASSERT_EQ(at(0)[byte], 0);
    }
    at(0)[0] = 3;
    EXPECT_EQ(at(4)[0], 1);
}

TEST_F(Remapping, MemoryMappedAnewReadsZero) {
    std::memset(at(0), 1, memory_.bytes());
    ASSERT_EQ(map_anew(address(2), 2 * page_bytes()), 0);
    EXPECT_EQ(at(1)[0], 1);
    EXPECT_EQ(at(2)[0], 0);
    EXPECT_EQ(at(4)[0], 1);
    at(2)[0] = 4;
}

TEST_F(Remapping, OnlyFreeAddressesAreMapped) {
    std::memset(at(0), 1, memory_.bytes());
    EXPECT_EQ(map_if_free(address(2), page_bytes()), EEXIST);
    EXPECT_EQ(at(2)[0], 1) << "what stood there still does";
    ASSERT_EQ(release(address(2), page_bytes()), 0);
    EXPECT_EQ(map_if_free(address(2), 2 * page_bytes()), EEXIST) << "not all of it is free";
    EXPECT_EQ(map_if_free(address(2), page_bytes()), 0);
    at(2)[0] = 4;
}

// F55
TEST(RemappingProbe, F55_IsAskedOnceAndRemembered) {
    const FakeSystemCalls fake;
    const bool first = can_remap();
    const std::uint64_t calls = FakeSystemCalls::count(Call::kRemap);
    EXPECT_EQ(calls, 1U);
    EXPECT_EQ(can_remap(), first);
    EXPECT_EQ(FakeSystemCalls::count(Call::kRemap), calls);
}

// F55
TEST(RemappingProbe, F55_ARefusalMeansNever) {
    const FakeSystemCalls fake;
    for (const int error : {EINVAL, ENOSYS, EPERM}) {
        FakeSystemCalls::refuse(Call::kRemap, error);
        forget_remapping();
        EXPECT_FALSE(can_remap());
        FakeSystemCalls::allow_all();
        EXPECT_FALSE(can_remap());
        EXPECT_EQ(remapping_error(), 0) << "nothing was stopped: it never began";
    }
}

TEST(RemappingProbe, CanBeStopped) {
    const FakeSystemCalls fake;
    can_remap();
    stop_remapping(EFAULT);
    EXPECT_FALSE(can_remap());
    EXPECT_EQ(remapping_error(), EFAULT);
}

}  // namespace
}  // namespace numapool::os
