// Owns: one allocator's program: all workloads, chosen by Google Benchmark's --benchmark_filter.
// Must not know: which allocator; the build says it in BENCH_ALLOCATOR.
#include <cstdio>
#include <exception>

#include <benchmark/benchmark.h>

#include BENCH_ALLOCATOR
#include "workloads/drift.h"
#include "workloads/pair.h"
#include "workloads/passing.h"
#include "workloads/patterns.h"
#include "workloads/settings.h"

int main(int argc, char** argv) try {
    using namespace numapool::bench;
    const Settings settings = Settings::taken_from(argc, argv);
    benchmark::AddCustomContext("served_by", Allocator::served_by());
    Allocator allocator;
    register_pairs(allocator);
    register_drifts(allocator, settings);
    register_touch(allocator, settings);
    register_order(allocator, settings);
    register_churn(allocator, settings);
    register_scaling(allocator, settings);
    register_scratch(allocator, settings);
    register_passing(allocator, settings);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
}
