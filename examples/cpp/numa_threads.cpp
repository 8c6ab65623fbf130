// Shows: one thread for each NUMA node, each working in its own node's memory, and the kernel's answer to
// where every page really lies. On a machine with one node there is one thread.
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "numapool/numapool.h"

namespace {

std::mutex printing;

void work(numapool::MemoryPool& pool, int node) {
    std::optional<numapool::NodeBinding> binding;  // undone when it goes
    try {
        binding.emplace(node);
        const std::lock_guard lock(printing);
        std::printf("node %d: bound to %zu CPU(s)%s%s\n", node, binding->cpus().size(),
                    binding->note().empty() ? "" : "; ", binding->note().c_str());
    } catch (const numapool::PlacementError& error) {
        // A sandbox may forbid binding; the request below names the node, so its memory is right anyway.
        std::printf("node %d: not bound: %s\n", node, error.message());
    }
    // 5000 x 1000 floats on this node. Without a placement they come from the node that the thread runs on.
    const numapool::Request here{.placement = numapool::Placement::on_node(node)};
    auto rows = pool.get_array<float>({5000, 1000}, here);
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i] = static_cast<float>(i % 100);
        sum += static_cast<double>(rows[i]);
    }
    const numapool::PageMap pages = numapool::where(rows);
    const std::lock_guard lock(printing);
    std::printf("node %d: mean %.2f, pages on %s\n", node, sum / static_cast<double>(rows.size()),
                to_string(pages).c_str());
}

}  // namespace

int main() {
    numapool::MemoryPool pool({.name = "numa-threads"});
    const numapool::NumaOptimizer optimizer(pool);
    const std::vector<int> nodes = optimizer.get_numa_nodes();
    std::printf("%zu node(s) to work on\n", nodes.size());

    {
        std::vector<std::jthread> threads;
        for (const int node : nodes) {
            threads.emplace_back(work, std::ref(pool), node);
        }
    }  // joined here

    for (const auto& [node, statistics] : optimizer.get_numa_statistics()) {
        std::printf("node %d: %llu allocation(s), %.1f MiB held, %.0f%% requested from a CPU of the node\n",
                    node, static_cast<unsigned long long>(statistics.allocations),
                    statistics.memory_usage_mb(), 100.0 * statistics.local_access_ratio);
    }
    return 0;
}
