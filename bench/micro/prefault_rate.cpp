// Owns: how fast initialize() faults memory in, beside one call of the kernel's for as much, with huge pages
// both times; and a zeroed buffer of prefaulted memory. Prints JSON: the bytes, and for each round the
// milliseconds. Must not know: who reads it.
//
// Usage: prefault_rate [MEBIBYTES [ROUNDS]]
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "numapool/numapool.h"

namespace {

#ifndef MADV_POPULATE_WRITE
constexpr int MADV_POPULATE_WRITE = 23;
#endif

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kHugePage = 2 * kMiB;

template <class Work>
double milliseconds(Work work) {
    const auto before = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
}

/// A negative figure if the kernel refuses.
double kernel_alone(std::size_t bytes) {
    void* memory =
        ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -1;
    auto* begin = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(memory) + kHugePage - 1) /
                                          kHugePage * kHugePage);
    ::madvise(begin, bytes, MADV_HUGEPAGE);
    int refused = 0;
    const double taken = milliseconds([&] { refused = ::madvise(begin, bytes, MADV_POPULATE_WRITE); });
    ::munmap(memory, bytes + kHugePage);
    return refused == 0 ? taken : -1;
}

void print(const char* name, const std::vector<double>& rounds, const char* end) {
    std::printf("\"%s\": [", name);
    for (std::size_t i = 0; i < rounds.size(); ++i) std::printf("%s%.3f", i == 0 ? "" : ", ", rounds[i]);
    std::printf("]%s", end);
}

}  // namespace

int main(int count, char** arguments) {
    const std::size_t bytes = (count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 1024) * kMiB;
    const int rounds = count > 2 ? std::atoi(arguments[2]) : 9;
    std::vector<double> kernel;
    std::vector<double> initialize;
    std::vector<double> zeroed;
    const auto with_pool = [&] {
        numapool::MemoryPool pool;
        initialize.push_back(milliseconds([&] { pool.initialize(bytes); }));
        const numapool::Request request{.zeroed = true};
        numapool::Buffer buffer;
        zeroed.push_back(milliseconds([&] { buffer = pool.get_buffer(bytes, request); }));
    };
    // Not counted: the first to touch a machine's memory pays for what its host has yet to give.
    static_cast<void>(kernel_alone(bytes));
    with_pool();
    initialize.clear();
    zeroed.clear();
    for (int round = 0; round < rounds; ++round) {
        if (round % 2 == 0) with_pool();
        kernel.push_back(kernel_alone(bytes));
        if (round % 2 != 0) with_pool();
    }
    std::vector<double> ratios;
    for (std::size_t i = 0; i < kernel.size(); ++i) ratios.push_back(kernel[i] / initialize[i]);
    std::sort(ratios.begin(), ratios.end());
    std::printf("{\"bytes\": %zu, ", bytes);
    print("kernel_alone_ms", kernel, ", ");
    print("initialize_ms", initialize, ", ");
    print("zeroed_buffer_ms", zeroed, ", ");
    print("rate_over_kernel_sorted", ratios, "}\n");
    return 0;
}
