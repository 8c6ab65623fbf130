// Owns: the CPU time of pairs in a pool of which a few blocks a second are watched, over that in one that
// watches none, in turns of seconds. Prints JSON. Must not know: who reads it.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "numapool/memory_pool.h"

namespace {

constexpr std::size_t kSizes[] = {256, 64 << 10, 4 << 20, 64 << 20};
constexpr double kSeconds = 1.5;  // three samples at most

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double wall_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Turn {
    double ns_per_pair = 0;
    unsigned long long samples = 0;
};

/// Pairs for a while; a new pool each time, so that no layout is better than another by chance.
Turn measure(const char* check, std::size_t bytes) {
    ::setenv("NUMAPOOL_CHECK", check, 1);
    numapool::MemoryPool pool;
    for (int i = 0; i < 100; ++i) {
        void* block = pool.allocate(bytes);
        std::memset(block, 1, bytes);
        pool.deallocate(block);
    }
    const double begin = cpu_seconds();
    const double end = wall_seconds() + kSeconds;
    unsigned long long pairs = 0;
    while (wall_seconds() < end) {
        for (int i = 0; i < 1000; ++i) pool.deallocate(pool.allocate(bytes));
        pairs += 1000;
    }
    return {(cpu_seconds() - begin) * 1e9 / static_cast<double>(pairs),
            static_cast<unsigned long long>(pool.get_statistics().fenced_allocations)};
}

}  // namespace

int main() {
    const char* separator = "{";
    for (const std::size_t bytes : kSizes) {
        const Turn without = measure("0", bytes);
        const Turn with = measure("", bytes);
        std::printf("%s\"%zu\": {\"without_ns\": %.4f, \"with_ns\": %.4f, \"samples\": %llu}", separator,
                    bytes, without.ns_per_pair, with.ns_per_pair, with.samples);
        separator = ", ";
    }
    std::printf("}\n");
    return 0;
}
