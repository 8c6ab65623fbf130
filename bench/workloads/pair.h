// Owns: one thread that takes a block and gives it back at once, by size: untouched, with one byte a page
// written, and, as a control, the writing alone in a block that is kept.
// Must not know: whose blocks they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

#include "workloads/pages.h"

namespace numapool::bench {

inline constexpr std::array<std::int64_t, 10> kUntouchedBytes = {
    64, 256, 1 << 10, 4 << 10, 64 << 10, 400'000, 1 << 20, 16 << 20, 100 << 20, std::int64_t{1} << 30};
inline constexpr std::array<std::int64_t, 6> kTouchedBytes = {4 << 10,  64 << 10,  1 << 20,
                                                              16 << 20, 100 << 20, 400 << 20};

/// Runs `once` for as long as the benchmark asks, and counts its page faults.
template <class Once>
void time_and_count(benchmark::State& state, Once once) {
    const double before = faults();
    for (auto _ : state) once();
    state.counters["faults"] = benchmark::Counter(faults() - before, benchmark::Counter::kAvgIterations);
}

/// Registers pair/untouched/<bytes>, pair/touched/<bytes> and pair/resident/<bytes>.
template <class Allocator>
void register_pairs(Allocator& allocator) {
    const auto untouched = [&allocator](benchmark::State& state) {
        const auto bytes = static_cast<std::size_t>(state.range(0));
        const auto once = [&] {
            void* block = allocator.allocate(bytes);
            benchmark::DoNotOptimize(block);
            allocator.deallocate(block, bytes);
        };
        for (int warm = 0; warm < 64; ++warm) once();
        time_and_count(state, once);
    };
    const auto touched = [&allocator](benchmark::State& state) {
        const auto bytes = static_cast<std::size_t>(state.range(0));
        const auto once = [&] {
            void* block = allocator.allocate(bytes);
            touch_pages(block, bytes);
            allocator.deallocate(block, bytes);
        };
        once();  // the first touch of all is not what is asked
        once();
        time_and_count(state, once);
    };
    const auto resident = [&allocator](benchmark::State& state) {
        const auto bytes = static_cast<std::size_t>(state.range(0));
        void* block = allocator.allocate(bytes);
        touch_pages(block, bytes);
        time_and_count(state, [&] { touch_pages(block, bytes); });
        allocator.deallocate(block, bytes);
    };
    for (const std::int64_t bytes : kUntouchedBytes)
        benchmark::RegisterBenchmark("pair/untouched", untouched)->Arg(bytes);
    for (const std::int64_t bytes : kTouchedBytes) {
        benchmark::RegisterBenchmark("pair/touched", touched)->Arg(bytes);
        benchmark::RegisterBenchmark("pair/resident", resident)->Arg(bytes);
    }
}

}  // namespace numapool::bench
