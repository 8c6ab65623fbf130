// Owns: checks of binding threads, on the machine at hand.
// Must not know: how many nodes it has.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "pool_case.h"

namespace numapool {
namespace {

std::vector<int> affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    std::vector<int> cpus;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(static_cast<int>(cpu));
    }
    return cpus;
}

void confine_to(const std::vector<int>& cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
    ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

/// A node of this machine that threads can be bound to.
int some_node() {
    MemoryPool pool(steady_options());
    return NumaOptimizer(pool).get_numa_nodes().front();
}

// On a thread of its own, so that the test program's threads stay as they were.
template <class Body>
void on_new_thread(Body body) {
    std::thread thread([&] {
        try {
            body();
        } catch (const PlacementError& error) {
            EXPECT_EQ(error.code(), ErrorCode::kBindingRefused) << "a sandbox may forbid binding";
        }
    });
    thread.join();
}

TEST(NodeBindings, LastAsLongAsTheObject) {
    const int node = some_node();
    on_new_thread([node] {
        const std::vector<int> before = affinity();
        {
            const NodeBinding binding(node);
            EXPECT_EQ(binding.node(), node);
            EXPECT_EQ(affinity(), binding.cpus());
        }
        EXPECT_EQ(affinity(), before);
    });
}

TEST(NodeBindings, BringBackWhatTheThreadHadNotWhatTheProcessHas) {
    const int node = some_node();
    on_new_thread([node] {
        const int cpu = affinity().back();
        confine_to({cpu});
        NodeBinding binding(node);
        EXPECT_EQ(affinity(), binding.cpus());
        {
            const NodeBinding inner(node);
            EXPECT_EQ(affinity(), inner.cpus());
        }
        EXPECT_EQ(affinity(), binding.cpus());
        binding.undo();
        EXPECT_EQ(affinity(), std::vector{cpu});
        binding.undo();
        EXPECT_EQ(affinity(), std::vector{cpu});
    });
}

TEST(NodeBindings, MoveWithTheirOwner) {
    const int node = some_node();
    on_new_thread([node] {
        const int cpu = affinity().front();
        confine_to({cpu});
        std::optional<NodeBinding> holder;
        {
            NodeBinding binding(node);
            holder = std::move(binding);
        }
        EXPECT_EQ(affinity(), holder->cpus());
        {
            NodeBinding other(node);
            *holder = std::move(other);
        }
        EXPECT_EQ(affinity(), holder->cpus());
        holder.reset();
        EXPECT_EQ(affinity(), std::vector{cpu});
    });
}

TEST(NodeBindings, StayWhenKeptUntilTheThreadIsUnbound) {
    MemoryPool pool(steady_options());
    const NumaOptimizer optimizer(pool);
    const int node = optimizer.get_numa_nodes().back();
    on_new_thread([&] {
        const int cpu = affinity().back();
        confine_to({cpu});
        optimizer.unbind_thread();
        EXPECT_EQ(affinity(), std::vector{cpu}) << "nothing was kept, nothing changes";
        std::vector<int> bound;
        {
            NodeBinding binding(node);
            binding.keep();
            bound = binding.cpus();
        }
        EXPECT_EQ(affinity(), bound);
        optimizer.bind_thread_to_node(node);
        EXPECT_EQ(affinity(), bound);
        pool.deallocate(pool.allocate(2 * kMiB));
        optimizer.unbind_thread();
        EXPECT_EQ(affinity(), std::vector{cpu});
        NodeBinding kept(node);
        kept.keep();
        kept.undo();
        EXPECT_EQ(affinity(), std::vector{cpu}) << "what was kept can be undone";
    });
}

TEST(NodeBindings, AreUndoneByTheirOwnThreadOnly) {
    const int node = some_node();
    on_new_thread([node] {
        NodeBinding binding(node);
        std::string told;
        on_new_thread([&] {
            const std::vector<int> before = affinity();
            try {
                binding.undo();
            } catch (const PlacementError& error) {
                told = error.what();
            }
            EXPECT_EQ(affinity(), before);
        });
        EXPECT_NE(told.find("belongs to another thread"), std::string::npos) << told;
        binding.undo();
    });
}

TEST(NodeBindings, OfUnknownNodesAreRefused) {
    const std::vector<int> before = affinity();
    for (const int node : {777, -1, 1 << 30}) {
        try {
            const NodeBinding binding(node);
            ADD_FAILURE() << node;
        } catch (const ArgumentError& error) {
            EXPECT_EQ(error.code(), ErrorCode::kInvalidNode);
            EXPECT_NE(std::string(error.what()).find(std::to_string(node)), std::string::npos);
        }
    }
    EXPECT_EQ(affinity(), before);
}

TEST(NumaOptimizers, TellOfEveryNode) {
    MemoryPool pool(steady_options());
    const NumaOptimizer optimizer(pool);
    const std::vector<int> nodes = optimizer.get_numa_nodes();
    ASSERT_FALSE(nodes.empty());
    const auto statistics = optimizer.get_numa_statistics();
    for (const int node : nodes) EXPECT_EQ(statistics.count(node), 1U) << node;
}

// As under taskset: a process of its own, started with one CPU.
TEST(NodeBindingsDeathTest, NeverWidenWhatALauncherLeft) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const std::vector<int> before = affinity();
    if (::sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "one CPU cannot be narrowed";
    bool narrowed = false;  // a node with one CPU is left whole
    for (const NumaNode& node : discover_topology().nodes) {
        const bool has_it = std::count(node.cpus.begin(), node.cpus.end(), before.back()) != 0;
        narrowed |= has_it && node.cpus.size() > 1;
    }
    confine_to({before.back()});
    EXPECT_EXIT(
        {
            const NodeBinding binding(some_node());
            const bool narrow = affinity() == std::vector{before.back()} && binding.cpus() == affinity();
            std::fprintf(stderr, "%s\n", binding.note().c_str());
            std::exit(narrow ? 0 : 1);
        },
        testing::ExitedWithCode(0),
        narrowed ? "the launcher allows CPU " + std::to_string(before.back()) + " of node" : "^\\s*$");
    confine_to(before);
}

}  // namespace
}  // namespace numapool
