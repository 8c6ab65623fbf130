// Shows: a loop whose batches change in size, as dynamic batching makes them. It runs once with fresh memory
// for every batch and once with a pool; both add up to the same, and the page faults of each are counted.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kPixels = 224 * 224 * 3;
constexpr std::size_t kLargestBatch = 96;

// Stands for the real work: fills the batch, then reads all of it. Returns the sum.
[[gnu::noinline]] double process(std::span<float> batch, float seed) {
    std::fill(batch.begin(), batch.end(), seed);
    return std::reduce(batch.begin(), batch.end(), 0.0);
}

template <class Run>
double measured(const char* name, std::span<const std::size_t> sizes, Run run) {
    const auto faults = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_minflt;
    };
    const long faults_before = faults();
    const auto begin = std::chrono::steady_clock::now();
    double sum = 0.0;
    for (std::size_t i = 0; i < sizes.size(); ++i) sum += run(sizes[i], static_cast<float>(i));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    const auto batches = static_cast<double>(sizes.size());
    std::printf("%-12s %6.2f ms and %6.0f page faults a batch\n", name, took.count() / batches,
                static_cast<double>(faults() - faults_before) / batches);
    return sum;
}

}  // namespace

int main() {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::size_t> images(8, kLargestBatch);
    std::vector<std::size_t> sizes(60);
    for (std::size_t& size : sizes) size = images(random);

    const double plain = measured("fresh memory", sizes, [](std::size_t count, float seed) {
        const auto batch = std::make_unique_for_overwrite<float[]>(count * kPixels);
        return process({batch.get(), count * kPixels}, seed);
    });

    numapool::MemoryPool pool(numapool::PoolOptions::for_workload(numapool::Workload::kBatchProcessing));
    pool.initialize(kLargestBatch * kPixels * sizeof(float));  // faults the largest batch in, once
    const double pooled = measured("pool", sizes, [&](std::size_t count, float seed) {
        const auto batch = pool.get_array<float>({count, 224, 224, 3});
        return process(batch.span(), seed);
    });

    std::printf("the sums are %s\n", plain == pooled ? "equal" : "DIFFERENT");
    return plain == pooled ? 0 : 1;
}
