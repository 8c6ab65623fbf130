// Shows: one pool and one thread for each NUMA node, and a grid cut into slabs of rows, each in its own
// node's memory. The threads relax the grid in step (Jacobi's method) and read from the slabs next to theirs
// the edge rows alone. The result is compared, value by value, with that of a single thread.
#include <barrier>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kRows = 768;  // of the whole grid, without the fixed border around it
constexpr std::size_t kColumns = 1022;
constexpr std::size_t kWidth = kColumns + 2;
constexpr int kSweeps = 20;

// The border and the grid before the first sweep, by place in the whole grid.
double first_value(std::size_t row, std::size_t column) { return row == 0 ? 1.0 : column == 0 ? 0.5 : 0.0; }

// One node's rows, twice, since a sweep reads the old values while it writes the new ones. Row 0 and the last
// row are copies of the neighbours' edges.
struct Slab {
    int node;
    std::size_t first_row;  // in the whole grid
    std::size_t rows;
    numapool::MemoryPool pool;
    numapool::Array<double> old_values = {};
    numapool::Array<double> new_values = {};
    std::string failure = {};

    Slab(int its_node, std::size_t first, std::size_t count)
        : node(its_node),
          first_row(first),
          rows(count),
          pool({.name = "node-" + std::to_string(its_node), .bind = numapool::BindMode::kAdvisory}) {}

    void allocate() {
        const numapool::Request here{.placement = numapool::Placement::on_node(node)};
        old_values = pool.get_array<double>({rows + 2, kWidth}, here);
        new_values = pool.get_array<double>({rows + 2, kWidth}, here);
        for (std::size_t row = 0; row < rows + 2; ++row) {
            for (std::size_t column = 0; column < kWidth; ++column) {
                old_values(row, column) = new_values(row, column) = first_value(first_row + row, column);
            }
        }
    }

    void sweep() {
        for (std::size_t row = 1; row <= rows; ++row) {
            for (std::size_t column = 1; column <= kColumns; ++column) {
                new_values(row, column) = 0.25 * (old_values(row - 1, column) + old_values(row + 1, column) +
                                                  old_values(row, column - 1) + old_values(row, column + 1));
            }
        }
    }

    // What another thread wrote in the sweep before: nothing but these two rows crosses nodes.
    void fetch_edges(const Slab* above, const Slab* below) {
        for (std::size_t column = 0; column < kWidth; ++column) {
            if (above != nullptr) new_values(0, column) = above->new_values(above->rows, column);
            if (below != nullptr) new_values(rows + 1, column) = below->new_values(1, column);
        }
    }
};

using Slabs = std::vector<std::unique_ptr<Slab>>;

Slabs cut_grid(const std::vector<int>& nodes) {
    Slabs slabs;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const std::size_t begin = kRows * i / nodes.size();
        const std::size_t end = kRows * (i + 1) / nodes.size();
        slabs.push_back(std::make_unique<Slab>(nodes[i], begin, end - begin));
    }
    return slabs;
}

void work(const Slabs& slabs, std::size_t index, std::barrier<>& step) {
    Slab& slab = *slabs[index];
    std::optional<numapool::NodeBinding> binding;  // undone when this function ends
    try {
        binding.emplace(slab.node);
    } catch (const numapool::PlacementError& error) {
        // A sandbox may forbid binding; the requests name the node, so the memory is right anyway.
        std::printf("node %d: not bound: %s\n", slab.node, error.message());
    }
    try {
        slab.allocate();
    } catch (const std::exception& error) {
        slab.failure = error.what();
    }
    step.arrive_and_wait();
    for (const auto& any : slabs) {
        if (!any->failure.empty()) return;  // every thread sees the same, so none is left waiting
    }
    const Slab* const above = index > 0 ? slabs[index - 1].get() : nullptr;
    const Slab* const below = index + 1 < slabs.size() ? slabs[index + 1].get() : nullptr;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
        slab.sweep();
        step.arrive_and_wait();  // all have written
        slab.fetch_edges(above, below);
        step.arrive_and_wait();  // all have read
        std::swap(slab.old_values, slab.new_values);
    }
}

// The grid, relaxed by one thread for each slab.
void relax(const Slabs& slabs) {
    std::barrier step(static_cast<std::ptrdiff_t>(slabs.size()));
    std::vector<std::jthread> threads;
    threads.reserve(slabs.size());
    for (std::size_t i = 0; i < slabs.size(); ++i) {
        threads.emplace_back([&slabs, &step, i] { work(slabs, i, step); });
    }
}

bool same(const Slabs& slabs, const Slab& whole) {
    for (const auto& slab : slabs) {
        for (std::size_t row = 1; row <= slab->rows; ++row) {
            for (std::size_t column = 0; column < kWidth; ++column) {
                if (slab->old_values(row, column) != whole.old_values(slab->first_row + row, column)) {
                    return false;
                }
            }
        }
    }
    return true;
}

}  // namespace

int main() {
    numapool::MemoryPool any;
    const std::vector<int> nodes = numapool::NumaOptimizer(any).get_numa_nodes();
    const Slabs slabs = cut_grid(nodes);
    relax(slabs);
    const Slabs whole = cut_grid({nodes.front()});
    relax(whole);
    for (const Slabs* const both : {&slabs, &whole}) {
        for (const auto& slab : *both) {
            if (slab->failure.empty()) continue;
            std::printf("node %d: %s\n", slab->node, slab->failure.c_str());
            return 1;
        }
    }
    for (const auto& slab : slabs) {
        const numapool::PageMap pages =
            numapool::where(slab->old_values.data(), slab->old_values.size() * sizeof(double));
        std::printf("node %d: rows %zu to %zu, pages on %s\n", slab->node, slab->first_row,
                    slab->first_row + slab->rows - 1, to_string(pages).c_str());
    }
    const bool right = same(slabs, *whole.front());
    std::printf("%d sweeps by %zu thread(s): the grid is %s that of one thread\n", kSweeps, slabs.size(),
                right ? "the same as" : "DIFFERENT from");
    return right ? 0 : 1;
}
