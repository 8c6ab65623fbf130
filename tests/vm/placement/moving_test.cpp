// Owns: the check that pages which are moved to other addresses stay on their node, on every node at once.
// Must not know: which machine this is.
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

TEST(Moving, MovedPagesStayOnTheirNode) {
    PoolOptions options;
    options.idle_decay = std::nullopt;
    MemoryPool pool(options);
    const std::vector<NumaNode> nodes = memory_nodes();
    std::mt19937_64 random(1);
    std::vector<std::vector<std::pair<void*, std::size_t>>> held(nodes.size());
    for (int step = 0; step < 120; ++step) {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (held[i].size() == 6) {
                std::swap(held[i][random() % 6], held[i].back());
                pool.deallocate(held[i].back().first);
                held[i].pop_back();
            }
            const std::size_t bytes = 2 * kMiB + random() % (5 * kMiB);
            void* block = pool.allocate(bytes, {.placement = Placement::on_node(nodes[i].id)});
            touch(block, bytes);
            held[i].emplace_back(block, bytes);
        }
    }
    const Statistics s = pool.get_statistics();
    say("moving: %llu of %llu large buffers were made of pages moved together, of %zu nodes",
        static_cast<unsigned long long>(s.stitched), static_cast<unsigned long long>(s.total_allocations),
        nodes.size());
    EXPECT_GT(s.stitched, 0U);
    EXPECT_EQ(s.evicted(EvictionCause::kNotMovable).bytes, 0U);
    for (const PlacementCheck& check : pool.verify_placement()) {
        EXPECT_EQ(check.unknown, 0U) << "node " << check.node;
        EXPECT_EQ(check.elsewhere, 0U) << "node " << check.node;
        EXPECT_GT(check.home, 0U) << "node " << check.node;
    }
    EXPECT_EQ(s.fallback_allocations, 0U) << "every node has room for 42 MiB";
    for (const auto& blocks : held) {
        for (const auto& [block, bytes] : blocks) pool.deallocate(block);
    }
}

}  // namespace
}  // namespace numapool::vm
