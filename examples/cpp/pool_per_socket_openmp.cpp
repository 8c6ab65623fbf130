// Shows: a pool for each NUMA node under OpenMP. Each thread of the team is bound to a node for the length of
// the parallel region, takes its part of two vectors from its node's pool, and adds up its part of their dot
// product there; only one number a thread crosses nodes. The result is known exactly.
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kPart = std::size_t{1} << 20;  // elements of each vector that one thread owns
constexpr int kThreadsAtMost = 16;
constexpr std::size_t kBlock = 4096;  // elements of both vectors that stay in the innermost cache

// Whole numbers, so that sums are exact in whichever order.
double x_value(std::size_t i) { return static_cast<double>(i % 7); }
double y_value(std::size_t i) { return static_cast<double>(i % 5); }

struct Part {
    int node = -1;
    std::size_t first = 0;
    double sum = 0.0;
    numapool::PageMap pages = {};
    std::string failure = {};
};

double blocked_dot(const numapool::Array<double>& x, const numapool::Array<double>& y) {
    double sum = 0.0;
    for (std::size_t begin = 0; begin < x.size(); begin += kBlock) {
        const std::size_t end = std::min(begin + kBlock, x.size());
        double block = 0.0;
        for (std::size_t i = begin; i < end; ++i) block += x[i] * y[i];
        sum += block;
    }
    return sum;
}

void work(numapool::MemoryPool& pool, Part& part) {
    const numapool::Request here{.placement = numapool::Placement::on_node(part.node)};
    const auto x = pool.get_array<double>({kPart}, here);
    const auto y = pool.get_array<double>({kPart}, here);
    for (std::size_t i = 0; i < kPart; ++i) {
        x[i] = x_value(part.first + i);
        y[i] = y_value(part.first + i);
    }
    part.sum = blocked_dot(x, y);
    part.pages = numapool::where(x.data(), x.size() * sizeof(double));
}

}  // namespace

int main() {
    numapool::MemoryPool any;
    const std::vector<int> nodes = numapool::NumaOptimizer(any).get_numa_nodes();
    std::vector<std::unique_ptr<numapool::MemoryPool>> pools;
    for (const int node : nodes) {
        pools.push_back(std::make_unique<numapool::MemoryPool>(
            numapool::PoolOptions{.name = "node-" + std::to_string(node)}));
    }
    // Each node gets a thread, also where OpenMP has fewer CPUs to offer than there are nodes.
    const int threads =
        std::max(std::min(omp_get_max_threads(), kThreadsAtMost), static_cast<int>(nodes.size()));
    std::vector<Part> parts(static_cast<std::size_t>(threads));

#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
        const auto index = static_cast<std::size_t>(thread);
        const std::size_t share = index * nodes.size() / parts.size();
        Part& part = parts[index];
        part.node = nodes[share];
        part.first = index * kPart;
        // No exception may leave the parallel region. The binding is undone here, so that the region after
        // this one, which has the same threads, finds them as they were.
        try {
            std::optional<numapool::NodeBinding> binding;
            try {
                binding.emplace(part.node);
            } catch (const numapool::PlacementError& error) {
                // A sandbox may forbid binding; the requests name the node, so the memory is right anyway.
                std::printf("node %d: not bound: %s\n", part.node, error.message());
            }
            work(*pools[share], part);
        } catch (const std::exception& error) {
            part.failure = error.what();
        }
    }

    double sum = 0.0;
    double expected = 0.0;
    for (const Part& part : parts) {
        if (!part.failure.empty()) {
            std::printf("node %d: %s\n", part.node, part.failure.c_str());
            return 1;
        }
        sum += part.sum;
        for (std::size_t i = part.first; i < part.first + kPart; ++i) expected += x_value(i) * y_value(i);
        std::printf("node %d: elements from %zu on, x lies on %s\n", part.node, part.first,
                    to_string(part.pages).c_str());
    }
    std::printf("the dot product of %zu elements by %d thread(s) is %.0f, %s\n", parts.size() * kPart,
                threads, sum, sum == expected ? "as it must be" : "WRONG");
    return sum == expected ? 0 : 1;
}
