// Owns: the checks of a program that a launcher bound to one node's memory, as numactl --membind does.
// Must not know: how the library learns of it.
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr const char* kBoundTo = "NUMAPOOL_VM_BOUND_TO";

/// Only that node may be used, and it serves threads of every node.
int run_bound(int node) {
    const std::vector<NumaNode> usable = memory_nodes();
    if (usable.size() != 1 || usable[0].id != node) return 10;
    MemoryPool pool;
    for (const int from : cpu_nodes()) {
        const NodeBinding binding(from);
        const Buffer buffer = pool.get_buffer(3 * kMiB);
        touch(buffer.data(), buffer.size());
        if (share_on(where(buffer), node) != 1.0) return 11;
        if (binding.note().empty()) return 12;  // the launcher's memory policy was left as it is
    }
    for (const NumaNode& other : discover_topology().nodes) {
        if (other.id == node || other.total_bytes == 0) continue;
        try {
            static_cast<void>(pool.get_buffer(100, {.placement = Placement::on_node(other.id)}));
            return 13;
        } catch (const ArgumentError&) {
        }
    }
    return 0;
}

TEST(Launcher, MemoryThatItLeftOutIsNotUsed) {
    if (const char* bound = std::getenv(kBoundTo); bound != nullptr) std::_Exit(run_bound(std::atoi(bound)));
    const std::vector<NumaNode> nodes = memory_nodes();
    if (nodes.size() < 2) GTEST_SKIP() << "one node with memory: nothing to leave out";
    const int node = nodes.back().id;
    const pid_t child = ::fork();
    if (child == 0) {
        unsigned long mask = 1UL << node;
        if (::syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 64UL) != 0) std::_Exit(20);
        ::setenv(kBoundTo, std::to_string(node).c_str(), 1);
        ::execl("/proc/self/exe", "vm_placement", "--gtest_filter=Launcher.*", nullptr);
        std::_Exit(21);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "see run_bound for what the number means";
}

}  // namespace
}  // namespace numapool::vm
