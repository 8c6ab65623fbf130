// Owns: sizes that change at every step while much is live, and what a step then costs: time, page faults,
// and memory held over what is live. Must not know: whose blocks they are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "workloads/pages.h"
#include "workloads/settings.h"

namespace numapool::bench {

/// What one step does: the place whose block it replaces, and the new size.
struct DriftStep {
    std::size_t place;
    std::size_t bytes;
};

struct Drift {
    std::string name;
    std::size_t places;  ///< blocks that are live at a time
    /// Makes the steps from a seed; the first `places` of them fill the places in their order.
    std::function<std::vector<DriftStep>(std::uint64_t seed, std::size_t steps)> draw;
};

/// Random places; sizes as `size(random)` draws them.
template <class Size>
std::vector<DriftStep> draw_random(std::uint64_t seed, std::size_t steps, std::size_t places, Size size) {
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::size_t> place(0, places - 1);
    std::vector<DriftStep> drawn(steps);
    for (std::size_t i = 0; i < steps; ++i) drawn[i] = {i < places ? i : place(random), size(random)};
    return drawn;
}

/// The oldest block makes room for the next.
template <class Size>
std::vector<DriftStep> draw_in_turn(std::size_t steps, std::size_t places, Size size) {
    std::vector<DriftStep> drawn(steps);
    for (std::size_t i = 0; i < steps; ++i) drawn[i] = {i % places, size(i)};
    return drawn;
}

inline std::vector<Drift> all_drifts() {
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    const auto uniform = [](std::uint64_t seed, std::size_t steps) {
        return draw_random(seed, steps, 20, [](std::mt19937_64& random) {
            return std::uniform_int_distribution<std::size_t>(5 * kMiB, 25 * kMiB)(random);
        });
    };
    // The lengths of sequences: most are short, few are long. Half lie below 12 MiB.
    const auto lengths = [](std::uint64_t seed, std::size_t steps) {
        return draw_random(seed, steps, 16, [](std::mt19937_64& random) {
            const double mib = std::lognormal_distribution<double>(std::log(12.0), 0.9)(random);
            return static_cast<std::size_t>(std::clamp(mib, 1.0, 64.0) * static_cast<double>(kMiB));
        });
    };
    // An odd number of places: each gets the other size the next time.
    const auto alternating = [](std::uint64_t, std::size_t steps) {
        return draw_in_turn(steps, 41,
                            [](std::size_t i) -> std::size_t { return i % 2 == 0 ? 7'000'000 : 7'100'000; });
    };
    // Batches of 8 to 96 images, one more each time, as bytes and as floats; four of each are live.
    const auto growing = [](std::uint64_t, std::size_t steps) {
        return draw_in_turn(steps, 8, [](std::size_t i) -> std::size_t {
            const std::size_t images = 8 + i / 2 % 89;
            return images * 224 * 224 * 3 * (i % 2 == 0 ? 1 : sizeof(float));
        });
    };
    return {{"random", 20, uniform},
            {"lengths", 16, lengths},
            {"alternating", 41, alternating},
            {"growing", 8, growing}};
}

/// Fills the places, goes on for half as many steps again as are measured, and measures. One iteration is one
/// step: it frees a block, takes another and writes one byte to each of its pages.
template <class Allocator>
void run_drift(benchmark::State& state, Allocator& allocator, const Drift& drift, int measured_steps) {
    const auto measured = static_cast<std::size_t>(measured_steps);
    const std::size_t before_them = drift.places + measured * 3 / 2;
    const std::vector<DriftStep> steps =
        drift.draw(static_cast<std::uint64_t>(state.range(0)), before_them + measured);
    std::vector<void*> blocks(drift.places, nullptr);
    std::vector<std::size_t> sizes(drift.places, 0);
    const ResidentBytes resident;
    const double resident_at_first = resident.now();
    std::size_t live = 0;
    std::size_t peak_live = 0;
    double peak_resident = 0;
    const auto take_step = [&](const DriftStep& step) {
        void*& block = blocks[step.place];
        if (block != nullptr) allocator.deallocate(block, sizes[step.place]);
        block = allocator.allocate(step.bytes);
        touch_pages(block, step.bytes);
        live += step.bytes - sizes[step.place];
        sizes[step.place] = step.bytes;
    };
    // Looked at where it is likely highest: when most is live; and now and then, for what is kept beyond
    // that.
    const auto look = [&](std::size_t number) {
        if (live <= peak_live && number % 8 != 0) return;
        peak_live = std::max(peak_live, live);
        peak_resident = std::max(peak_resident, resident.now() - resident_at_first);
    };
    std::size_t number = 0;
    for (; number < before_them; ++number) {
        take_step(steps[number]);
        look(number);
    }
    double faulted = 0;
    for (auto _ : state) {
        const double faults_before = faults();
        const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
        take_step(steps[number]);
        state.SetIterationTime(cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before);
        faulted += faults() - faults_before;
        look(number++);
    }
    for (std::size_t place = 0; place < drift.places; ++place)
        allocator.deallocate(blocks[place], sizes[place]);
    state.counters["faults"] = faulted / static_cast<double>(measured);
    state.counters["peak_live_bytes"] = static_cast<double>(peak_live);
    state.counters["resident_ratio"] = peak_resident / static_cast<double>(peak_live);
    for (const auto& [name, value] : allocator.figures()) state.counters[name] = value;
}

/// Registers drift/<name>/<seed>.
template <class Allocator>
void register_drifts(Allocator& allocator, const Settings& settings) {
    for (const Drift& drift : all_drifts()) {
        auto* registered = benchmark::RegisterBenchmark(
            ("drift/" + drift.name).c_str(),
            [&allocator, drift, steps = settings.drift_steps](benchmark::State& state) {
                run_drift(state, allocator, drift, steps);
            });
        registered->DenseRange(1, 16)->Iterations(settings.drift_steps)->UseManualTime();
    }
}

}  // namespace numapool::bench
