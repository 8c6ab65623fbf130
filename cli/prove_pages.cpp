// Owns: the first part of `numapool prove`: where pages were asked for, and where they were found.
// Must not know: how that is shown.
#include "prove_pages.h"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "numapool/memory_pool.h"

#include "bound_thread.h"
#include "text_table.h"
#include "touched_pages.h"

namespace numapool_cli {
namespace {

using numapool::BindMode;
using numapool::Placement;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::size_t kStep = 2 * kMiB;  // in which weighted memory is dealt
constexpr double kShareOfFree = 0.125;
constexpr int kRounds = 2;  // new memory, then reused memory

struct Size {
    std::size_t bytes;
    std::size_t count;
};

// One size for each tier, and a larger one where there is room.
std::vector<Size> sizes_for(std::uint64_t room, bool quick) {
    std::vector<Size> sizes{{512, 512}, {40 * kKiB, 64}};
    if (room >= 4 * kStep) sizes.push_back({kStep + 8 * kKiB, 2});
    if (room >= 64 * kMiB && !quick) sizes.push_back({24 * kMiB, 2});
    return sizes;
}

bool tells_of_fallback(const numapool::Statistics& statistics, const AskedPages& asked) {
    const auto concerns = [&](const numapool::NodeStatistics& node) {
        if (asked.right.size() == 1) return node.interleaved_over.empty() && node.node == asked.right.front();
        return node.interleaved_over == asked.right && node.interleave_weights == asked.weights;
    };
    return std::any_of(statistics.nodes.begin(), statistics.nodes.end(), [&](const auto& node) {
        return concerns(node) &&
               (node.fallback_allocations > 0 || node.pages_verified < node.pages_looked_up);
    });
}

/// Asks a pool from a bound thread, touches, looks up and returns. Each way to bind has a pool of its own, so
/// that what strict requests look up does not speak for the others.
class Asking {
public:
    explicit Asking(PagesResult& result) : result_(&result) {
        const numapool::PoolOptions options{.name = "prove-pages"};
        result.pool_bind = options.with_environment().bind;
        for (const BindMode bind : {result.pool_bind, BindMode::kStrict}) {
            if (!pools_.contains(bind)) pools_[bind] = std::make_unique<numapool::MemoryPool>(options);
        }
        result.disabled = pools_[result.pool_bind]->get_statistics().disabled;
    }

    std::vector<BindMode> binds() const {
        std::vector<BindMode> all;
        all.reserve(pools_.size());
        for (const auto& [bind, pool] : pools_) all.push_back(bind);
        return all;
    }

    void trim() {
        for (const auto& [bind, pool] : pools_) pool->trim();
    }

    /// Reads what the pools tell, once all is asked.
    void finish() {
        for (const auto& [bind, pool] : pools_) {
            const numapool::Statistics statistics = pool->get_statistics();
            result_->fallback_allocations += statistics.fallback_allocations;
            for (AskedPages& asked : result_->cases) {
                if (asked.bind == bind) asked.reported = tells_of_fallback(statistics, asked);
            }
            if (result_->disabled) continue;
            const std::vector<numapool::PlacementCheck> checks = pool->verify_placement();
            result_->own_check.insert(result_->own_check.end(), checks.begin(), checks.end());
        }
    }

    void ask(BoundThread& thread, AskedPages what, const Placement& placement, const Size& size) {
        what.thread_node = thread.node();
        what.buffer_bytes = size.bytes;
        what.found.page_bytes = 0;
        const numapool::Request request{.placement = placement, .bind = what.bind};
        thread.run([&] {
            // Where the thread's node has no memory the pool takes the nearest.
            if (what.right.empty()) {
                const auto served = pools_.at(what.bind)->resolve(placement);
                if (served) what.right = served->nodes();
                if (what.right.empty()) what.right = {thread.node()};
            }
            for (int round = 0; round < kRounds; ++round) ask_once(what, request, size);
        });
        result_->cases.push_back(std::move(what));
    }

private:
    void ask_once(AskedPages& what, const numapool::Request& request, const Size& size) {
        std::vector<numapool::Buffer> buffers;
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < size.count; ++i) {
            try {
                buffers.push_back(pools_.at(what.bind)->get_buffer(size.bytes, request));
            } catch (const numapool::PoolError& error) {
                ++what.refused;
                if (what.refusal.empty()) what.refusal = error.message();
                continue;
            }
            blocks.push_back(buffers.back().bytes());
        }
        touch_pages(blocks);
        what.buffers += blocks.size();
        const numapool::PageMap found = look_up_pages(blocks);
        if (found.evidence == numapool::Evidence::kMappings) what.by_mapping += found.total();
        add_pages(what.found, found);
    }

    std::map<BindMode, std::unique_ptr<numapool::MemoryPool>> pools_;
    PagesResult* result_;
};

void ask_for_nodes(Asking& asking, BoundThread& thread, int memory_node, bool quick) {
    const std::uint64_t room = room_on({memory_node}, kShareOfFree);
    for (const BindMode bind : asking.binds()) {
        AskedPages what;
        what.ask = fmt::format("node {}", memory_node);
        what.right = {memory_node};
        what.bind = bind;
        for (const Size& size : sizes_for(room, quick)) {
            asking.ask(thread, what, Placement::on_node(memory_node), size);
        }
    }
}

void ask_for_current(Asking& asking, BoundThread& thread, bool quick) {
    const std::uint64_t room = room_on({thread.node()}, kShareOfFree);
    for (const BindMode bind : asking.binds()) {
        AskedPages what;
        what.ask = "current node";
        what.bind = bind;
        for (const Size& size : sizes_for(room, quick)) asking.ask(thread, what, Placement(), size);
    }
}

void ask_for_several(Asking& asking, BoundThread& thread, const ProveMachine& machine) {
    const std::vector<int>& nodes = machine.memory_nodes;
    std::vector<int> weights(nodes.size(), 1);
    weights.front() = 2;
    // Two rounds of the weights, so that every node has its share.
    const std::size_t steps = 2 * (nodes.size() + 1);
    if (room_on(nodes, kShareOfFree) < 4 * kStep) return;
    for (const BindMode bind : asking.binds()) {
        AskedPages what;
        what.right = nodes;
        what.bind = bind;
        what.ask = "interleaved";
        asking.ask(thread, what, Placement::interleave(nodes), {steps * kStep, 1});
        what.weights = weights;
        what.ask = fmt::format("weighted {}", fmt::join(weights, ":"));
        asking.ask(thread, what, Placement::interleave(nodes, weights), {steps * kStep, 1});
    }
}

// Each thread node meets another memory node in each turn, its own first, so that what there is no time for
// is spread over all of them.
void ask_all(Asking& asking, const ProveMachine& machine, const Deadline& deadline, bool quick,
             PagesResult& result) {
    const std::vector<int>& memory = machine.memory_nodes;
    std::set<std::string> notes;
    for (std::size_t turn = 0; turn < memory.size(); ++turn) {
        for (std::size_t i = 0; i < machine.cpu_nodes.size(); ++i) {
            if (deadline.passed()) {
                ++result.left_out;
                continue;
            }
            const int thread_node = machine.cpu_nodes[i];
            try {
                BoundThread thread(thread_node);
                if (!thread.note().empty()) notes.insert(thread.note());
                ask_for_nodes(asking, thread, memory[(i + turn) % memory.size()], quick);
                if (turn == 0) ask_for_current(asking, thread, quick);
                if (turn == 0 && memory.size() > 1) ask_for_several(asking, thread, machine);
            } catch (const std::exception& error) {
                notes.insert(fmt::format("threads on node {}: {}", thread_node, error.what()));
            }
            asking.trim();
        }
    }
    result.notes.insert(result.notes.end(), notes.begin(), notes.end());
}

}  // namespace

std::uint64_t AskedPages::pages_right() const { return pages_on(found, right); }

std::uint64_t AskedPages::pages_elsewhere() const {
    return found.total() - found.absent - found.unknown - pages_right();
}

bool AskedPages::broken() const {
    if (pages_elsewhere() == 0 || bind == BindMode::kNone) return false;
    return bind == BindMode::kStrict || !reported;
}

std::uint64_t PagesResult::pages() const {
    std::uint64_t sum = 0;
    for (const AskedPages& asked : cases) sum += asked.found.total();
    return sum;
}

std::uint64_t PagesResult::right() const {
    std::uint64_t sum = 0;
    for (const AskedPages& asked : cases) sum += asked.pages_right();
    return sum;
}

std::uint64_t PagesResult::elsewhere() const {
    std::uint64_t sum = 0;
    for (const AskedPages& asked : cases) sum += asked.pages_elsewhere();
    return sum;
}

std::uint64_t PagesResult::unverified() const { return pages() - right() - elsewhere(); }

std::uint64_t PagesResult::by_mapping() const {
    std::uint64_t sum = 0;
    for (const AskedPages& asked : cases) sum += asked.by_mapping;
    return sum;
}

std::uint64_t PagesResult::broken() const {
    std::uint64_t sum = 0;
    for (const AskedPages& asked : cases) sum += asked.broken() ? asked.pages_elsewhere() : 0;
    return disabled ? 0 : sum;
}

PagesResult prove_pages(const ProveMachine& machine, const Deadline& deadline, bool quick) {
    PagesResult result;
    if (machine.memory_nodes.empty() || machine.cpu_nodes.empty()) {
        result.notes.push_back(fmt::format("among the chosen nodes CPUs are on {} and memory is on {}",
                                           ranges_text(machine.cpu_nodes),
                                           ranges_text(machine.memory_nodes)));
        return result;
    }
    Asking asking(result);
    ask_all(asking, machine, deadline, quick, result);
    asking.finish();
    return result;
}

}  // namespace numapool_cli
