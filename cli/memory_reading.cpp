// Owns: reading memory as fast as one thread can, and as slowly as dependent loads are.
// Must not know: nodes or pools.
#include "memory_reading.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

namespace numapool_cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLine = 64;
constexpr std::size_t kLoadsBetweenClocks = 1024;
constexpr std::size_t kBytesBetweenClocks = std::size_t{256} * 1024;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::uint64_t sum_of(const std::uint64_t* words, std::size_t count) {
    std::array<std::uint64_t, 8> sums{};  // independent, so that no addition waits for another
    for (std::size_t i = 0; i < count; i += sums.size()) {
        for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += words[i + lane];
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t part : sums) sum += part;
    return sum;
}

}  // namespace

void link_lines(std::span<std::byte> memory) {
    struct alignas(kLine) Line {
        Line* next;
    };
    static_assert(sizeof(Line) == kLine);
    Line* const lines = reinterpret_cast<Line*>(memory.data());
    const std::size_t count = memory.size() / kLine;
    for (std::size_t i = 0; i < count; ++i) lines[i].next = &lines[i];
    // Sattolo's shuffle: the result is one cycle through all lines.
    std::minstd_rand random(1);
    for (std::size_t i = count - 1; i > 0; --i) {
        const std::uint64_t drawn = (std::uint64_t{random()} << 31) ^ random();
        std::swap(lines[i].next, lines[drawn % i].next);
    }
}

double follow_chain(const void*& at, double seconds) {
    const void* line = at;
    std::size_t loads = 0;
    const Clock::time_point begin = Clock::now();
    double passed = 0.0;
    do {
        for (std::size_t i = 0; i < kLoadsBetweenClocks; ++i) {
            line = *static_cast<const void* const*>(line);
            asm volatile("" : "+r"(line));  // the compiler must believe that each load is wanted
        }
        loads += kLoadsBetweenClocks;
        passed = since(begin);
    } while (passed < seconds);
    at = line;
    return passed * 1e9 / static_cast<double>(loads);
}

double read_words(std::span<const std::byte> memory, std::size_t& at, double seconds) {
    std::size_t bytes = 0;
    const Clock::time_point begin = Clock::now();
    double passed = 0.0;
    do {
        const std::size_t part = std::min(kBytesBetweenClocks, memory.size() - at);
        const std::uint64_t sum =
            sum_of(reinterpret_cast<const std::uint64_t*>(memory.data() + at), part / sizeof(std::uint64_t));
        asm volatile("" : : "r"(sum) : "memory");  // the compiler must believe that the sum is wanted
        bytes += part;
        at = at + part == memory.size() ? 0 : at + part;
        passed = since(begin);
    } while (passed < seconds);
    return static_cast<double>(bytes) / passed / static_cast<double>(std::size_t{1} << 30);
}

}  // namespace numapool_cli
