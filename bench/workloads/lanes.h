// Owns: running the same work in several threads for a while, and what one operation of all of them cost.
// Must not know: what the work is.
#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "workloads/pages.h"

namespace numapool::bench {

/// Raised once, when the time is up. Relaxed will do: it ends loops, and what they did is ordered by join().
using Stop = std::atomic<bool>;

inline bool raised(const Stop& stop) { return stop.load(std::memory_order_relaxed); }

/// What one run of lanes came to.
struct LanesRun {
    double seconds;  ///< on the wall
    double cpu_seconds;
    double faults;
    double operations;
};

/// Runs work(lane, stop) in `lanes` threads that start together, and raises stop after `time`.
template <class Work>
LanesRun run_lanes_once(int lanes, std::chrono::microseconds time, Work& work) {
    using Clock = std::chrono::steady_clock;
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
    LanesRun run{};
    run.seconds = std::chrono::duration<double>(Clock::now() - before).count();
    run.cpu_seconds = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    run.faults = faults() - faults_before;
    for (const std::uint64_t count : done) run.operations += static_cast<double>(count);
    return run;
}

/// What goes before a measured run.
struct WarmUp {
    std::function<void()> prepare = [] {};  ///< done before each run, those that are not measured too
    double operations = 1;                  ///< that a run must do in its time to be warm
};

/// Runs the work for a quarter of `time`, again while that is not warm, then for all of it, and gives the
/// benchmark the time on the wall for one of the operations that the threads together say they did. The
/// counters hold the process's CPU time and its page faults for one.
template <class Work>
void run_lanes(benchmark::State& state, int lanes, std::chrono::milliseconds time, Work work,
               const WarmUp& warm_up = {}) {
    constexpr int kMostRuns = 64;
    for (auto _ : state) {
        for (int runs = 0; runs < kMostRuns; ++runs) {
            warm_up.prepare();
            if (run_lanes_once(lanes, time / 4, work).operations >= warm_up.operations) break;
        }
        warm_up.prepare();
        const LanesRun run = run_lanes_once(lanes, time, work);
        if (run.operations == 0) {
            state.SkipWithError("not one operation was done in time");
            return;
        }
        state.SetIterationTime(run.seconds / run.operations);
        state.counters["cpu_ns"] = run.cpu_seconds * 1e9 / run.operations;
        state.counters["faults"] = run.faults / run.operations;
        state.counters["operations"] = run.operations;
    }
}

}  // namespace numapool::bench
