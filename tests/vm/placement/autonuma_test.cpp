// Owns: the check that the kernel's automatic NUMA balancing leaves pages where they were asked for.
// Must not know: how the pool asks.
#include <sched.h>
#include <sys/mman.h>

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr std::size_t kBytes = 8 * kMiB;
constexpr std::chrono::seconds kReading{12};

/// On a node's CPUs alone: a thread with a memory policy of its own would not be balanced.
void stay_on_cpus_of(const NumaNode& node) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const int cpu : node.cpus) CPU_SET(static_cast<std::size_t>(cpu), &cpus);
    ASSERT_EQ(::sched_setaffinity(0, sizeof cpus, &cpus), 0);
}

void read_for_a_while(const void* memory, std::chrono::seconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    const auto* bytes = static_cast<const volatile char*>(memory);
    while (std::chrono::steady_clock::now() < end) {
        for (std::size_t i = 0; i < kBytes; i += 4096) static_cast<void>(bytes[i]);
    }
}

// F42
TEST(AutoNuma, F42_PlacementHoldsWhileTheKernelBalances) {
    if (!kernel_balances()) GTEST_SKIP() << "kernel.numa_balancing is 0";
    const std::vector<NumaNode> nodes = memory_nodes();
    ASSERT_GE(nodes.size(), 2U);
    const NumaNode& here = nodes[0];
    const int there = nodes[1].id;
    MemoryPool pool({.huge_pages = HugePages::kNever});
    const Buffer pooled = pool.get_buffer(kBytes, {.placement = Placement::on_node(there)});
    void* plain = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(plain, MAP_FAILED);
    run_on(there, [&] {
        touch(pooled.data(), kBytes);
        touch(plain, kBytes);
    });
    // Read from the wrong node: what balancing exists to put right, and must not, since it was asked for.
    const auto read_here = [&](const void* memory) {
        return std::thread([&here, memory] {
            stay_on_cpus_of(here);
            read_for_a_while(memory, kReading);
        });
    };
    std::thread control = read_here(plain);
    read_here(pooled.data()).join();
    control.join();
    say("balancing, %lld s of reading from node %d: the pool's %s, plain memory %s",
        static_cast<long long>(kReading.count()), here.id, to_string(where(pooled)).c_str(),
        to_string(where(plain, kBytes)).c_str());
    EXPECT_EQ(share_on(where(pooled), there), 1.0) << to_string(where(pooled));
    EXPECT_LT(share_on(where(plain, kBytes), there), 1.0) << "the check itself: the kernel did balance";
    ::munmap(plain, kBytes);
}

}  // namespace
}  // namespace numapool::vm
