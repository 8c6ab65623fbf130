// Owns: the third part of `numapool prove`: buffers that come back to threads of another node, and where the
// next ones lie. Must not know: how that is shown.
#include "prove_reuse.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "numapool/memory_pool.h"

#include "malloc_process.h"
#include "text_table.h"

namespace numapool_cli {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::size_t kHeldAtMost = 24 * kMiB;
constexpr std::size_t kPasses = 3;
constexpr double kShareOfFree = 0.125;
constexpr const char* kNoTime = "no time was left";

// Around what allocators treat differently: cached by threads, kept, mapped for one block alone.
std::vector<ReuseSize> sizes_for(std::uint64_t room) {
    const std::size_t held = std::min<std::uint64_t>(kHeldAtMost, room);
    std::vector<ReuseSize> sizes;
    if (held >= 1 * kMiB) sizes.push_back({64 * kKiB, 16});
    if (held >= 2 * kMiB) sizes.push_back({1 * kMiB, std::min<std::size_t>(held / kMiB, 8)});
    if (held >= 4 * kMiB) sizes.push_back({held / kMiB * kMiB, 1});
    return sizes;
}

std::vector<std::pair<int, int>> pairs_of(const ProveMachine& machine) {
    std::vector<std::pair<int, int>> pairs;
    const std::vector<int>& memory = machine.memory_nodes;
    for (const int first : machine.cpu_nodes) {
        for (const int second : machine.cpu_nodes) {
            const bool has_memory = std::find(memory.begin(), memory.end(), second) != memory.end();
            if (first != second && has_memory) pairs.emplace_back(first, second);
        }
    }
    return pairs;
}

AllocatorReuse measure_pool(const ReusePlan& plan) {
    AllocatorReuse result;
    try {
        numapool::MemoryPool pool({.name = "prove-reuse"});
        result.cases = measure_reuse({[&](std::size_t bytes) { return pool.allocate(bytes); },
                                      [&](void* block) { pool.deallocate(block); }},
                                     plan);
        if (result.cases.empty()) result.failure = kNoTime;
    } catch (const std::exception& error) {
        result.failure = error.what();
    }
    return result;
}

AllocatorReuse measure_malloc(const MallocLibrary& library, const ReusePlan& plan) {
    MallocMeasurement measured = measure_in_process(library, plan);
    AllocatorReuse result;
    result.file = std::move(measured.file);
    result.cases = std::move(measured.cases);
    result.failure = std::move(measured.failure);
    return result;
}

}  // namespace

ReuseResult prove_reuse(const ProveMachine& machine, const Deadline& deadline, bool quick) {
    ReuseResult result;
    ReusePlan plan;
    plan.pairs = pairs_of(machine);
    result.across_nodes = !plan.pairs.empty();
    if (!result.across_nodes) {
        for (const int node : machine.memory_nodes) {
            if (machine.cpus_of(node) > 0) plan.pairs.emplace_back(node, node);
        }
    }
    plan.sizes = sizes_for(room_on(machine.memory_nodes, kShareOfFree));
    plan.passes = quick ? 1 : kPasses;
    result.sizes = plan.sizes;
    if (plan.pairs.empty() || plan.sizes.empty()) {
        result.skipped = plan.pairs.empty() ? "no node has both CPUs and memory for this process"
                                            : fmt::format("an eighth of a node's free memory is less than {}",
                                                          bytes_text(1 * kMiB));
        return result;
    }
    const std::vector<MallocLibrary> libraries = find_malloc_libraries();
    std::size_t waiting = std::size(kHandovers) * (libraries.size() + 1);
    const auto measure_all = [&](const std::string& name, const auto& measure) {
        AllocatorReuse all;
        all.name = name;
        for (const Handover handover : kHandovers) {
            plan.handover = handover;
            plan.seconds = deadline.seconds_left() / static_cast<double>(waiting--);
            AllocatorReuse one;
            if (deadline.passed()) {
                one.failure = kNoTime;
            } else {
                one = measure(plan);
            }
            if (all.file.empty()) all.file = one.file;
            if (all.failure.empty()) all.failure = one.failure;
            all.cases.insert(all.cases.end(), one.cases.begin(), one.cases.end());
        }
        all.complete = all.cases.size() == std::size(kHandovers) * plan.pairs.size() * plan.sizes.size();
        result.allocators.push_back(std::move(all));
    };
    measure_all(numapool::MemoryPool().get_statistics().disabled ? "numapool (off)" : "numapool",
                measure_pool);
    for (const MallocLibrary& library : libraries) {
        measure_all(library.path.empty() ? machine.c_library : library.name,
                    [&](const ReusePlan& its_plan) { return measure_malloc(library, its_plan); });
    }
    return result;
}

ReuseCase sum_of_cases(const AllocatorReuse& allocator, std::size_t bytes, Handover handover) {
    ReuseCase sum;
    for (const ReuseCase& one : allocator.cases) {
        if (one.bytes != bytes || one.handover != handover) continue;
        sum.rounds += one.rounds;
        sum.right += one.right;
        sum.elsewhere += one.elsewhere;
        sum.absent += one.absent;
        sum.unknown += one.unknown;
        sum.warm_rounds += one.warm_rounds;
        sum.warm_faults += one.warm_faults;
    }
    return sum;
}

}  // namespace numapool_cli
