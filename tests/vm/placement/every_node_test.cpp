// Owns: the check that every node with memory can serve, whatever nodes the machine has.
// Must not know: anything beyond the public headers.
#include <cstring>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

namespace numapool {
namespace {

TEST(EveryNode, ServesABufferWhosePagesLieThere) {
    constexpr std::size_t kBytes = std::size_t{1} << 20;
    MemoryPool pool;
    int served = 0;
    for (const NumaNode& node : discover_topology().nodes) {
        if (node.total_bytes == 0 || !node.allowed) continue;
        const Buffer buffer = pool.get_buffer(kBytes, {.placement = Placement::on_node(node.id)});
        std::memset(buffer.data(), 1, buffer.size());
        const PageMap map = where(buffer);
        ASSERT_EQ(map.pages_on.count(node.id), 1U) << "node " << node.id << ": " << to_string(map);
        EXPECT_EQ(map.pages_on.at(node.id), map.total()) << "node " << node.id << ": " << to_string(map);
        ++served;
    }
    EXPECT_GT(served, 0) << "no node has memory";
}

}  // namespace
}  // namespace numapool
