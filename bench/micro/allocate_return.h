// Owns: what is timed: one thread takes a block and gives it back at once, by size, untouched or with one
// byte a page written.
// Must not know: whose blocks they are.
#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

namespace numapool::bench {

inline constexpr std::array<std::int64_t, 10> kUntouchedBytes = {
    64, 256, 1 << 10, 4 << 10, 64 << 10, 400'000, 1 << 20, 16 << 20, 100 << 20, std::int64_t{1} << 30};
inline constexpr std::array<std::int64_t, 3> kTouchedBytes = {1 << 20, 16 << 20, 100 << 20};

/// Writes one byte to each page, each to another cache line: were all at the start of their page, they would
/// share a few cache sets, and those who use huge pages would be timed for that.
inline void touch(void* block, std::size_t bytes, std::size_t page_bytes) {
    auto* at = static_cast<volatile std::byte*>(block);
    std::size_t line = 0;
    for (std::size_t page = 0; page < bytes; page += page_bytes) {
        at[page + line] = std::byte{1};
        line = (line + 64) & (page_bytes - 1);
    }
}

/// Times the allocator's allocate(bytes) and deallocate(block) as the benchmarks untouched/<bytes> and
/// touched/<bytes>; returns the exit status of a main().
template <class Allocator>
int time_allocate_return(int argc, char** argv, Allocator& allocator) {
    const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto untouched = [&allocator](benchmark::State& state) {
        const auto bytes = static_cast<std::size_t>(state.range(0));
        for (int warm = 0; warm < 64; ++warm) allocator.deallocate(allocator.allocate(bytes));
        for (auto _ : state) {
            void* block = allocator.allocate(bytes);
            benchmark::DoNotOptimize(block);
            allocator.deallocate(block);
        }
    };
    const auto touched = [&allocator, page_bytes](benchmark::State& state) {
        const auto bytes = static_cast<std::size_t>(state.range(0));
        const auto once = [&] {
            void* block = allocator.allocate(bytes);
            touch(block, bytes, page_bytes);
            allocator.deallocate(block);
        };
        once();  // the first touch of all is not what is asked
        once();
        for (auto _ : state) once();
    };
    for (const std::int64_t bytes : kUntouchedBytes)
        benchmark::RegisterBenchmark("untouched", untouched)->Arg(bytes);
    for (const std::int64_t bytes : kTouchedBytes)
        benchmark::RegisterBenchmark("touched", touched)->Arg(bytes);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

}  // namespace numapool::bench
