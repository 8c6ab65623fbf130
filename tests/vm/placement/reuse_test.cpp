// Owns: the check that memory returned by one node's threads never serves another node's requests, beside
// what malloc does. It is the life of a data loader's buffers: filled on one node, dropped on another. Must
// not know: which machine this is.
#include <cstdlib>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr int kRounds = 3;

struct Share {
    double sum = 0;
    int samples = 0;
    void add(const PageMap& map, int node) {
        sum += share_on(map, node);
        ++samples;
    }
    double percent() const { return samples == 0 ? 0.0 : 100.0 * sum / samples; }
};

/// For every pair of nodes: a buffer is made and filled on `first` and returned on `second`, which then asks
/// for one of the same size.
template <class Get, class Give>
Share cross(std::size_t bytes, Get get, Give give) {
    Share share;
    for (const NumaNode& first : memory_nodes()) {
        for (const NumaNode& second : memory_nodes()) {
            if (first.id == second.id || first.cpus.empty() || second.cpus.empty()) continue;
            for (int round = 0; round < kRounds; ++round) {
                void* filled = nullptr;
                run_on(first.id, [&] {
                    filled = get(bytes);
                    touch(filled, bytes);
                });
                run_on(second.id, [&] {
                    give(filled);
                    void* next = get(bytes);
                    touch(next, bytes);
                    share.add(where(next, bytes), second.id);
                    give(next);
                });
            }
        }
    }
    return share;
}

TEST(Reuse, MemoryOfOneNodeNeverServesAnother) {
    MemoryPool pool;
    bool any = false;
    for (const std::size_t bytes : {4 * kKiB, 64 * kKiB, kMiB, 24 * kMiB}) {
        const Share pooled = cross(
            bytes, [&](std::size_t size) { return pool.allocate(size); },
            [&](void* block) { pool.deallocate(block); });
        if (pooled.samples == 0) break;
        any = true;
        const Share plain = cross(
            bytes, [](std::size_t size) { return std::malloc(size); }, [](void* block) { std::free(block); });
        say("reuse across nodes, %zu KiB: %.1f%% of the pool's pages on the right node, %.1f%% of malloc's",
            bytes / kKiB, pooled.percent(), plain.percent());
        EXPECT_EQ(pooled.percent(), 100.0);
    }
    if (!any) GTEST_SKIP() << "fewer than two nodes have both CPUs and memory";
}

// F38: pages that a pool without policy touched on the wrong node.
TEST(Reuse, F38_PagesTouchedElsewhereAreMovedOrDiscarded) {
    const std::vector<NumaNode> nodes = memory_nodes();
    if (nodes.size() < 2 || nodes[0].cpus.empty())
        GTEST_SKIP() << "one node with memory: there is no elsewhere";
    const int here = nodes[0].id;
    const int there = nodes[1].id;
    MemoryPool pool({.bind = BindMode::kNone});
    const Request for_there{.placement = Placement::on_node(there)};
    Request strict = for_there;
    strict.bind = BindMode::kStrict;
    for (const std::size_t bytes : {std::size_t{200}, 600 * kKiB, 6 * kMiB}) {
        run_on(here, [&] {
            void* block = pool.allocate(bytes, for_there);
            touch(block, bytes);
            const PageMap before = where(block, bytes);
            pool.deallocate(block);
            const Buffer buffer = pool.get_buffer(bytes, strict);
            EXPECT_EQ(share_on(where(buffer), there), 1.0) << to_string(where(buffer));
            say("first touched on node %d, then strict for node %d, %zu bytes: %s, then %s", here, there,
                bytes, to_string(before).c_str(), to_string(where(buffer)).c_str());
        });
    }
}

}  // namespace
}  // namespace numapool::vm
