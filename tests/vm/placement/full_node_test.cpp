// Owns: the checks of a node without room: reported when advisory, an error when strict, and no one is
// killed. Must not know: which machine this is.
#include <algorithm>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr std::size_t kBeyond = 24 * kMiB;

/// The node with the least memory, if the others have room for all of it too.
class FullNode : public testing::Test {
protected:
    void SetUp() override {
        std::vector<NumaNode> nodes = memory_nodes();
        if (nodes.size() < 2) GTEST_SKIP() << "one node with memory: a full one fails every allocator";
        std::sort(nodes.begin(), nodes.end(),
                  [](const NumaNode& a, const NumaNode& b) { return a.total_bytes < b.total_bytes; });
        small_ = nodes[0];
        std::uint64_t elsewhere = 0;
        for (std::size_t i = 1; i < nodes.size(); ++i) elsewhere += nodes[i].free_bytes;
        if (elsewhere < small_.free_bytes + 4 * kBeyond) {
            GTEST_SKIP() << "the other nodes have " << elsewhere / kMiB << " MiB free, too few to take over "
                         << small_.free_bytes / kMiB;
        }
    }
    std::size_t too_much() const { return small_.free_bytes + kBeyond; }
    Request on_small(std::optional<BindMode> bind = std::nullopt) const {
        return {.placement = Placement::on_node(small_.id), .bind = bind};
    }
    NodeStatistics figures(const MemoryPool& pool) const {
        for (const NodeStatistics& node : pool.get_statistics().nodes) {
            if (node.node == small_.id) return node;
        }
        return {};
    }
    NumaNode small_;
};

// F39. First of all: each kind of fallback is told once in a process.
TEST_F(FullNode, F39_AdvisoryIsReportedAtOnce) {
    const Messages messages;
    MemoryPool pool;
    {
        const Buffer buffer = pool.get_buffer(too_much(), on_small());
        EXPECT_EQ(figures(pool).fallback_allocations, 1U);
        EXPECT_GT(messages.count("node " + std::to_string(small_.id)), 0U) << messages.text();
        touch(buffer.data(), buffer.size());
        const PageMap map = where(buffer);
        EXPECT_LT(share_on(map, small_.id), 1.0);
        EXPECT_GT(share_on(map, small_.id), 0.3);
        say("%zu MiB asked of node %d with %zu MiB free: %s", too_much() / kMiB, small_.id,
            static_cast<std::size_t>(small_.free_bytes) / kMiB, to_string(map).c_str());
    }
    EXPECT_EQ(figures(pool).fallback_allocations, 1U) << "a buffer counts once";
    pool.trim();
    const Buffer fits = pool.get_buffer(4 * kMiB, on_small(BindMode::kStrict));
    EXPECT_EQ(share_on(where(fits), small_.id), 1.0) << "there is room again";
}

// F39
TEST_F(FullNode, F39_StrictIsAnErrorAndTheProcessLives) {
    MemoryPool pool;
    EXPECT_THROW(static_cast<void>(pool.get_buffer(too_much(), on_small(BindMode::kStrict))), PlacementError);
    EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
    const Buffer fits = pool.get_buffer(4 * kMiB, on_small(BindMode::kStrict));
    EXPECT_EQ(share_on(where(fits), small_.id), 1.0);
}

// F39
TEST_F(FullNode, F39_StrictPrefaultingIsAnErrorAndKeepsNothing) {
    MemoryPool pool({.bind = BindMode::kStrict});
    EXPECT_THROW(pool.initialize(too_much()), PoolError) << "too much for that node, if not for all together";
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U);
    pool.initialize(4 * kMiB);
    for (const PlacementCheck& check : pool.verify_placement()) EXPECT_EQ(check.elsewhere, 0U);
}

// F39: nobody can know beforehand that these will not fit, since they are touched after all were handed out.
TEST_F(FullNode, F39_WhatOverflowsLaterIsReportedOnReturn) {
    MemoryPool pool({.max_buffers = 4});
    {
        std::vector<Buffer> buffers;
        for (std::size_t bytes = 0; bytes < too_much(); bytes += 8 * kMiB)
            buffers.push_back(pool.get_buffer(8 * kMiB, on_small()));
        for (const Buffer& buffer : buffers) touch(buffer.data(), buffer.size());
        EXPECT_EQ(figures(pool).fallback_allocations, 0U);
        std::uint64_t elsewhere = 0;
        for (const PlacementCheck& check : pool.verify_placement()) elsewhere += check.elsewhere;
        EXPECT_GT(elsewhere, 0U) << "the check itself: not all of it fits";
        // The last ones first: while the others hold the node, they cannot be moved there.
        while (!buffers.empty()) buffers.pop_back();
    }
    const NodeStatistics node = figures(pool);
    EXPECT_GT(node.fallback_allocations, 0U);
    EXPECT_LT(node.verified_ratio, 1.0);
}

TEST_F(FullNode, F39_SmallBuffersOverflowReportedToo) {
    MemoryPool pool;
    std::vector<Buffer> buffers;
    while (figures(pool).fallback_allocations == 0 && buffers.size() * 256 * kKiB < too_much() + kBeyond) {
        for (int i = 0; i < 32; ++i) buffers.push_back(pool.get_buffer(256 * kKiB, on_small()));
    }
    EXPECT_GT(figures(pool).fallback_allocations, 0U) << buffers.size() << " buffers of 256 KiB";
}

}  // namespace
}  // namespace numapool::vm
