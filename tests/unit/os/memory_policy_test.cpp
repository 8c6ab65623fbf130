// Owns: checks of node masks, of what is asked of the kernel for a policy, and of the current node.
// Must not know: arenas, topology.
#include "os/memory_policy.h"

#include <linux/mempolicy.h>

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
}

TEST(MemoryPolicy, RefusalIsToldByValue) {
    FakeSystemCalls fake;
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    EXPECT_EQ(prefer_node(0x10000, 0x1000, 0), EPERM);
    FakeSystemCalls::refuse(Call::kLocate, ENOSYS);
    void* page = nullptr;
    int node = 0;
    EXPECT_EQ(locate_pages({&page, 1}, {&node, 1}), ENOSYS);
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
