// Shows: watching a pool while another thread works with it, and reading at the end what it kept, reused and
// gave back, and why.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "numapool/numapool.h"

namespace {

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

// Holds up to eight buffers of 1 KiB to 8 MiB at a time, in random order, until told to stop.
void work(std::stop_token stop, numapool::MemoryPool& pool) {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::size_t> power(10, 23);
    std::vector<numapool::Buffer> held(8);
    while (!stop.stop_requested()) {
        numapool::Buffer& slot = held[random() % held.size()];
        slot = pool.get_buffer(std::size_t{1} << power(random));
        std::memset(slot.data(), 1, slot.size());
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}

}  // namespace

int main() {
    numapool::MemoryPool pool({.name = "watched", .max_idle_bytes = std::size_t{32} << 20});
    {
        const std::jthread worker(work, std::ref(pool));
        std::printf("%8s %10s %10s %10s %10s\n", "at", "live MiB", "idle MiB", "requests", "hit ratio");
        for (int i = 1; i <= 5; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            const numapool::Statistics now = pool.get_statistics();
            std::printf("%5d ms %10.1f %10.1f %10llu %9.1f%%\n", i * 100, mib(now.live_bytes),
                        mib(now.idle_bytes), static_cast<unsigned long long>(now.total_allocations),
                        100.0 * now.cache_hit_ratio);
        }
    }  // the worker stops, and its buffers come back

    const numapool::Statistics end = pool.get_statistics();
    std::printf("peak %.1f MiB, resident now %.1f MiB, %.1f%% of the bytes handed out were reused\n",
                end.peak_memory_mb(), mib(pool.resident_bytes()), 100.0 * end.buffer_reuse_ratio);
    for (const auto tier : {numapool::Tier::kSmall, numapool::Tier::kMedium, numapool::Tier::kLarge}) {
        const numapool::TierStatistics& figures = end.tier(tier);
        std::printf("  %-7s %6llu requests, %3llu buffers idle\n", to_string(tier),
                    static_cast<unsigned long long>(figures.allocations),
                    static_cast<unsigned long long>(figures.idle_buffers));
    }
    for (std::size_t i = 0; i < numapool::kEvictionCauses; ++i) {
        const auto& eviction = end.evictions[i];
        if (eviction.events == 0) continue;
        std::printf("  given back for %s: %llu times, %.1f MiB\n",
                    to_string(static_cast<numapool::EvictionCause>(i)),
                    static_cast<unsigned long long>(eviction.events), mib(eviction.bytes));
    }
    return 0;
}
