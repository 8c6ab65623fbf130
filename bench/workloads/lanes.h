// Owns: running the same work in several threads for a while, and what one operation of all of them cost.
// Must not know: what the work is.
#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "workloads/pages.h"

namespace numapool::bench {

/// Raised once, when the time is up. Relaxed will do: it ends loops, and what they did is ordered by join().
using Stop = std::atomic<bool>;

inline bool raised(const Stop& stop) { return stop.load(std::memory_order_relaxed); }

/// Runs work(lane, stop) in `lanes` threads that start together, raises stop after `time`, and gives the
/// benchmark the time on the wall for one of the operations that they all together say they did. The counters
/// hold the process's CPU time and its page faults for one.
template <class Work>
void run_lanes(benchmark::State& state, int lanes, std::chrono::milliseconds time, Work work) {
    using Clock = std::chrono::steady_clock;
    for (auto _ : state) {
        Stop stop{false};
        std::vector<std::uint64_t> done(static_cast<std::size_t>(lanes));
        std::barrier<> start(lanes + 1);
        std::vector<std::thread> threads;
        for (int lane = 0; lane < lanes; ++lane) {
            threads.emplace_back([&, lane] {
                start.arrive_and_wait();
                done[static_cast<std::size_t>(lane)] = work(lane, stop);
            });
        }
        const double faults_before = faults();
        const double cpu_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
        const Clock::time_point before = Clock::now();
        start.arrive_and_wait();
        std::this_thread::sleep_for(time);
        stop.store(true, std::memory_order_relaxed);
        for (std::thread& thread : threads) thread.join();
        const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
        const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
        double operations = 0;
        for (const std::uint64_t count : done) operations += static_cast<double>(count);
        if (operations == 0) {
            state.SkipWithError("not one operation was done in time");
            return;
        }
        state.SetIterationTime(seconds / operations);
        state.counters["cpu_ns"] = cpu * 1e9 / operations;
        state.counters["faults"] = (faults() - faults_before) / operations;
        state.counters["operations"] = operations;
    }
}

}  // namespace numapool::bench
