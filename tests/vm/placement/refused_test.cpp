// Owns: the checks of a system that refuses memory policies and lookups, as containers do.
// Must not know: how they are refused.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

bool refused(long call) {
    // Harmless where it is allowed: no page, no mask.
    return ::syscall(call, 0, 0, nullptr, nullptr, nullptr, 0) != 0 && (errno == EPERM || errno == ENOSYS);
}

/// The line of /proc/self/numa_maps for the mapping that holds `address`: what no filter can hide.
std::string numa_maps_line(const void* address) {
    std::ifstream file("/proc/self/numa_maps");
    std::string found;
    for (std::string line; std::getline(file, line);) {
        std::uintptr_t start = 0;
        std::istringstream(line) >> std::hex >> start;
        if (start <= reinterpret_cast<std::uintptr_t>(address)) found = line;
    }
    return found;
}

// F36: mbind is refused, and pages come to lie right all the same; every such buffer is counted.
TEST(Refused, F36_PagesAreTouchedFromTheirNodesCpusAndSaidSo) {
    if (!refused(SYS_mbind)) GTEST_SKIP() << "mbind is allowed here";
    const Messages messages;
    MemoryPool pool;
    std::uint64_t asked = 0;
    for (const int from : cpu_nodes()) {
        for (const NumaNode& node : memory_nodes()) {
            if (node.cpus.empty()) continue;
            run_on(from, [&] {
                for (const std::size_t bytes : {200UL, 300 * kKiB, 6 * kMiB}) {
                    const Buffer buffer = pool.get_buffer(bytes, {.placement = Placement::on_node(node.id)});
                    touch(buffer.data(), bytes);
                    ++asked;
                    const std::string line = numa_maps_line(buffer.data());
                    for (const NumaNode& other : memory_nodes()) {
                        const std::string pages = " N" + std::to_string(other.id) + "=";
                        EXPECT_EQ(line.find(pages) != std::string::npos, other.id == node.id)
                            << bytes << " bytes for node " << node.id << " from node " << from << ": "
                            << line;
                    }
                }
            });
        }
    }
    EXPECT_EQ(pool.get_statistics().fallback_allocations, asked);
    EXPECT_GT(messages.count("placement could not be requested"), 0U) << messages.text();
    say("mbind refused: %llu buffers, each on the node asked for by /proc/self/numa_maps, each counted as a "
        "fallback",
        static_cast<unsigned long long>(asked));
}

// F36
TEST(Refused, F36_StrictRequestsFail) {
    if (!refused(SYS_mbind) || !refused(SYS_move_pages)) GTEST_SKIP() << "placement can be asked for here";
    MemoryPool pool;
    for (const std::size_t bytes : {200UL, 6 * kMiB}) {
        try {
            static_cast<void>(pool.get_buffer(
                bytes,
                {.placement = Placement::on_node(memory_nodes().back().id), .bind = BindMode::kStrict}));
            ADD_FAILURE() << bytes << " bytes were handed out";
        } catch (const PlacementError& error) {
            EXPECT_NE(std::string(error.message()).find("CAP_SYS_NICE"), std::string::npos)
                << error.message();
        }
    }
    EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
}

}  // namespace
}  // namespace numapool::vm
