// Owns: what tests of watched blocks share: misuse that no compiler sees, and what is told of it.
// Must not know: what is tested.
#pragma once

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "os/memory_tools.h"
#include "played_pool.h"

namespace numapool::detail {

inline const char* const kOneNode = "numa:1 core:2 pu:1";

/// Volatile, so that no compiler sees what is wrong with it.
inline void write_to(void* block, std::ptrdiff_t offset, char value = 1) {
    static_cast<volatile char*>(block)[offset] = value;
}
inline char read_from(const void* block, std::ptrdiff_t offset) {
    return static_cast<const volatile char*>(block)[offset];
}

/// What a piece of the program that should be told off wrote to stderr.
template <class Run>
std::string told_by(Run run) {
    testing::internal::CaptureStderr();
    run();
    return testing::internal::GetCapturedStderr();
}

/// How many mappings the process has.
inline std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    std::size_t count = 0;
    while (std::getline(maps, line)) ++count;
    return count;
}

class Fencing : public testing::Test {
protected:
    void SetUp() override {
        if (os::tools_watch()) GTEST_SKIP() << "a tool watches the process: it finds these itself";
    }
    static void expect_consistent(const Statistics& s) {
        EXPECT_EQ(s.memory_usage_bytes, s.live_bytes + s.idle_bytes);
        EXPECT_LE(s.cache_hits, s.total_allocations);
    }
};
}  // namespace numapool::detail
