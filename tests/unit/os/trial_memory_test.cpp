// Owns: checks of memory that things are tried on, and of single look-ups.
// Must not know: what trials are for.
#include "os/trial_memory.h"

#include <linux/mempolicy.h>

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/memory_policy.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

TEST(TrialMemory, CanBeTouchedAndIsUnmapped) {
    const FakeSystemCalls fake;
    std::uintptr_t address = 0;
    {
        TrialMemory memory(2 * page_bytes(), page_bytes());
        ASSERT_EQ(memory.error(), 0);
        address = memory.address();
        advise_huge_pages(address, memory.bytes(), false);
        // The thread's faults are counted: a page of code, or a sanitizer's record of these pages, may be
        // one.
        const long faults = memory.touch();
        EXPECT_GE(faults, 2);
        EXPECT_LE(faults, 4);
        EXPECT_EQ(memory.touch(), 0) << "the pages are there";
        EXPECT_EQ(resident_bytes(address, memory.bytes()), 2 * page_bytes());
        ASSERT_EQ(prefer_node(address, memory.bytes(), 3), 0);
    }
    EXPECT_TRUE(FakeSystemCalls::binds().empty());
}

TEST(TrialMemory, RefusalLeavesNothing) {
    const FakeSystemCalls fake;
    FakeSystemCalls::refuse(Call::kProtect, EACCES);
    {
        TrialMemory memory(page_bytes(), page_bytes());
        EXPECT_EQ(memory.error(), EACCES);
        EXPECT_EQ(memory.address(), 0U);
        EXPECT_EQ(memory.touch(), 0);
    }
    FakeSystemCalls::allow_all();
    FakeSystemCalls::refuse(Call::kMap, ENOMEM);
    const TrialMemory memory(page_bytes(), page_bytes());
    EXPECT_EQ(memory.error(), ENOMEM);
}

TEST(TrialMemory, EachLookUpAnswersAlone) {
    const FakeSystemCalls fake;
    TrialMemory memory(page_bytes(), page_bytes());
    ASSERT_EQ(prefer_node(memory.address(), memory.bytes(), 5), 0);
    int node = -1;
    EXPECT_EQ(locate_by_move_pages(memory.address(), node), ENOENT) << "not touched yet";
    EXPECT_EQ(node, -1);
    memory.touch();
    EXPECT_EQ(locate_by_move_pages(memory.address(), node), 0);
    EXPECT_EQ(node, 5);
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    node = -1;
    EXPECT_EQ(locate_by_move_pages(memory.address(), node), EPERM);
    EXPECT_EQ(node, -1);
    EXPECT_EQ(locate_by_get_mempolicy(memory.address(), node), 0);
    EXPECT_EQ(node, 5);
    FakeSystemCalls::refuse(Call::kGetPolicy, ENOSYS);
    node = -1;
    EXPECT_EQ(locate_by_get_mempolicy(memory.address(), node), ENOSYS);
    EXPECT_EQ(node, -1);
}

}  // namespace
}  // namespace numapool::os
