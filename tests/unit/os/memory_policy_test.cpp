// Owns: checks of node masks, of what is asked of the kernel for a policy, and of the current node.
// Must not know: arenas, topology.
#include "os/memory_policy.h"

#include <linux/mempolicy.h>

#include <array>
#include <cerrno>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

TEST(NodeMask, HoldsTheLowestAndTheHighestNode) {
    NodeMask mask;
    EXPECT_FALSE(mask.has(0));
    for (const int node : {0, 63, 64, NodeMask::kMaxNodes - 1}) mask.add(node);
    for (const int node : {0, 63, 64, NodeMask::kMaxNodes - 1}) EXPECT_TRUE(mask.has(node)) << node;
    for (const int node : {-1, 1, 62, 65, NodeMask::kMaxNodes - 2, NodeMask::kMaxNodes}) {
        EXPECT_FALSE(mask.has(node)) << node;
    }
}

TEST(MemoryPolicy, NamesTheHighestNodeToo) {
    FakeSystemCalls fake;
    EXPECT_EQ(prefer_node(0x10000, 0x1000, NodeMask::kMaxNodes - 1), 0);
    NodeMask nodes;
    nodes.add(1);
    nodes.add(NodeMask::kMaxNodes - 1);
    EXPECT_EQ(interleave_nodes(0x20000, 0x1000, nodes), 0);
    const auto binds = FakeSystemCalls::binds();
    ASSERT_EQ(binds.size(), 2U);
    EXPECT_EQ(binds[0].mode, MPOL_PREFERRED);
    EXPECT_EQ(binds[0].nodes, std::vector{NodeMask::kMaxNodes - 1});
    EXPECT_EQ(binds[1].mode, MPOL_INTERLEAVE);
    EXPECT_EQ(binds[1].nodes, (std::vector{1, NodeMask::kMaxNodes - 1}));
    for (const fakes::BoundRange& bound : binds)
        EXPECT_EQ(bound.mode_flags, MPOL_F_STATIC_NODES) << "a cpuset that changes renumbers no node";
}

TEST(MemoryPolicy, RefusalIsToldByValue) {
    FakeSystemCalls fake;
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    EXPECT_EQ(prefer_node(0x10000, 0x1000, 0), EPERM);
    FakeSystemCalls::refuse(Call::kLocate, ENOSYS);
    FakeSystemCalls::refuse(Call::kGetPolicy, EACCES);
    FakeSystemCalls::refuse(Call::kSetPolicy, EPERM);
    std::array<char, 1 << 16> memory{};
    void* page = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&memory[1 << 15]) / page_bytes() *
                                         page_bytes());
    int node = 0;
    EXPECT_EQ(locate_pages({&page, 1}, {&node, 1}), EACCES);
    EXPECT_EQ(prefer_node_for_thread(1), EPERM);
    ThreadPolicy policy;
    EXPECT_EQ(get_thread_policy(policy), EACCES);
    NodeMask nodes;
    EXPECT_EQ(get_allowed_nodes(nodes), EACCES);
}

TEST(MemoryPolicy, MovesPresentPagesOnlyWhenAsked) {
    FakeSystemCalls fake;
    EXPECT_EQ(prefer_node(0x10000, 0x1000, 1), 0);
    EXPECT_EQ(prefer_node(0x10000, 0x1000, 1, Present::kMove), 0);
    const auto binds = FakeSystemCalls::binds();
    ASSERT_EQ(binds.size(), 2U);
    EXPECT_FALSE(binds[0].moving);
    EXPECT_TRUE(binds[1].moving);
}

TEST(MemoryPolicy, AThreadsPolicyIsSetAndPutBack) {
    FakeSystemCalls fake;
    ThreadPolicy before;
    ASSERT_EQ(get_thread_policy(before), 0);
    EXPECT_EQ(before.mode, MPOL_DEFAULT);
    ASSERT_EQ(prefer_node_for_thread(NodeMask::kMaxNodes - 1), 0);
    EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_PREFERRED);
    EXPECT_EQ(FakeSystemCalls::thread_policy().nodes, std::vector{NodeMask::kMaxNodes - 1});
    ThreadPolicy within;
    ASSERT_EQ(get_thread_policy(within), 0);
    EXPECT_TRUE(within.nodes.has(NodeMask::kMaxNodes - 1));
    ASSERT_EQ(set_thread_policy(before), 0);
    EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_DEFAULT);
    EXPECT_TRUE(FakeSystemCalls::thread_policy().nodes.empty());
}

TEST(MemoryPolicy, HasANameAndSaysWhetherItConfines) {
    ThreadPolicy policy;
    EXPECT_TRUE(policy.is_default());
    EXPECT_STREQ(policy.name(), "default");
    policy = {MPOL_PREFERRED, {}};
    EXPECT_STREQ(policy.name(), "localalloc") << "that is how older kernels tell it";
    policy.nodes.add(0);
    EXPECT_STREQ(policy.name(), "preferred");
    EXPECT_FALSE(policy.confines());
    policy.mode = MPOL_BIND | MPOL_F_STATIC_NODES;
    EXPECT_STREQ(policy.name(), "membind");
    EXPECT_TRUE(policy.confines());
    policy.mode = 1000;
    EXPECT_STREQ(policy.name(), "unknown");
}

TEST(MemoryPolicy, TheCpusetIsReadFresh) {
    FakeSystemCalls fake;
    NodeMask nodes;
    for (const std::vector<int>& allowed : {std::vector{0, 3}, std::vector{NodeMask::kMaxNodes - 1}}) {
        FakeSystemCalls::allow_nodes(allowed);
        ASSERT_EQ(get_allowed_nodes(nodes), 0);
        NodeMask wanted;
        for (const int node : allowed) wanted.add(node);
        EXPECT_EQ(nodes, wanted);
    }
}

// F37: the second rung of the ladder, and what it must not do: fault a page in.
TEST(MemoryPolicy, F37_WithoutMovePagesPresentPagesAreStillLocated) {
    FakeSystemCalls fake;
    const std::size_t page = page_bytes();
    const std::uintptr_t start = reserve(2 * page, page);
    ASSERT_EQ(commit(start, 2 * page), 0);
    ASSERT_EQ(prefer_node(start, 2 * page, 5), 0);
    *reinterpret_cast<volatile char*>(start) = 1;
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    void* pages[3] = {reinterpret_cast<void*>(start), reinterpret_cast<void*>(start + page), nullptr};
    int nodes[3] = {-99, -99, -99};
    EXPECT_EQ(locate_pages(pages, nodes), 0);
    EXPECT_EQ(nodes[0], 5);
    EXPECT_EQ(nodes[1], -ENOENT);
    EXPECT_EQ(nodes[2], -EFAULT);
    EXPECT_EQ(resident_bytes(start, 2 * page), page);
    FakeSystemCalls::refuse(Call::kResident, EPERM);
    EXPECT_EQ(locate_pages(pages, nodes), EPERM) << "a refusal is not a page that is absent";
    release(start, 2 * page);
}

TEST(MemoryPolicy, TheKernelTellsPresentFromAbsentPages) {
    const std::size_t page = page_bytes();
    const std::uintptr_t start = reserve(2 * page, page);
    ASSERT_EQ(commit(start, 2 * page), 0);
    *reinterpret_cast<volatile char*>(start) = 1;
    void* pages[2] = {reinterpret_cast<void*>(start), reinterpret_cast<void*>(start + page)};
    int nodes[2] = {-99, -99};
    const int error = locate_pages(pages, nodes);
    release(start, 2 * page);
    if (error == EPERM || error == ENOSYS) GTEST_SKIP() << "this system forbids move_pages";
    ASSERT_EQ(error, 0);
    EXPECT_GE(nodes[0], 0);
    EXPECT_EQ(nodes[1], -ENOENT);
}

TEST(CurrentNode, IsANodeThatCanExist) {
    const int node = current_node();
    EXPECT_GE(node, 0);
    EXPECT_LT(node, NodeMask::kMaxNodes);
}

TEST(CurrentNode, IsReadFresh) {
    FakeSystemCalls fake;
    for (const int node : {3, 0, 2}) {
        FakeSystemCalls::run_on(node);
        EXPECT_EQ(current_node(), node);
    }
}

}  // namespace
}  // namespace numapool::os
