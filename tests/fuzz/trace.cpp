// Owns: printing what trace.h kept.
// Must not know: what is checked.
#include "trace.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace numapool::fuzz {

Trace& trace() noexcept {
    static Trace one;
    return one;
}

void Trace::begin(const std::string& origin) {
    noted_ = 0;
    origin_ = origin;
}

void Trace::fail(const char* file, int line, const char* condition, const std::string& detail) {
    std::fprintf(stderr, "\nthe last operations:\n");
    const std::uint64_t first = noted_ - std::min<std::uint64_t>(noted_, kLines);
    for (std::uint64_t i = first; i < noted_; ++i) {
        const Line& noted = lines_[i % kLines];
        const auto& n = noted.numbers;
        std::fprintf(stderr, "  %llu: ", static_cast<unsigned long long>(i));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        std::fprintf(stderr, noted.format, n[0], n[1], n[2], n[3]);
#pragma GCC diagnostic pop
        std::fprintf(stderr, "\n");
    }
    std::fprintf(stderr, "%s:%d: does not hold: %s\n  %s\n", file, line, condition, detail.c_str());
    std::fprintf(stderr, "after %llu operations, in %s\n", static_cast<unsigned long long>(operations_),
                 origin_.c_str());
    std::abort();
}

}  // namespace numapool::fuzz
