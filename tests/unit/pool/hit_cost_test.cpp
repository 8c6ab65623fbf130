// Owns: the check that a hit costs no system call and no page fault.
// Must not know: nanoseconds.
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "numapool/memory_pool.h"

#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool {
namespace {

long minor_faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

class HitCost : public testing::TestWithParam<std::size_t> {
protected:
    /// Gets `bytes`, writes to every page at first, to the first and the last ones later, and returns them.
    static void cycle(MemoryPool& pool, std::size_t bytes, bool all_pages) {
        auto* block = static_cast<volatile char*>(pool.allocate(bytes));
        const std::size_t step = all_pages ? os::page_bytes() : std::max<std::size_t>(bytes / 4, 1);
        for (std::size_t i = 0; i < bytes; i += step) block[i] = 1;
        block[bytes - 1] = 1;
        pool.deallocate(const_cast<char*>(block));
    }
};

INSTANTIATE_TEST_SUITE_P(Sizes, HitCost, testing::Values(4096, std::size_t{1} << 20, std::size_t{100} << 20),
                         [](const auto& tested) { return std::to_string(tested.param) + "Bytes"; });

TEST_P(HitCost, NoSystemCallAndNoPageFault) {
    // Without decay: the check is about the path, and nothing must be given back by the way.
    MemoryPool pool({.idle_decay = std::nullopt});
    for (int i = 0; i < 10; ++i) cycle(pool, GetParam(), true);
    const Statistics before = pool.get_statistics();
    const std::uint64_t calls = os::system_call_count();
    const long faults = minor_faults();
    constexpr std::uint64_t kHits = 100'000;
    for (std::uint64_t i = 0; i < kHits; ++i) cycle(pool, GetParam(), false);
    const long faulted = minor_faults() - faults;
    EXPECT_EQ(os::system_call_count(), calls);
    // The process itself may fault: a page of stack or of code that is reached for the first time, or one
    // that the kernel unmapped to look at its use. A pool that faulted would do so 10^5 times.
    EXPECT_LE(faulted, 100);
    const Statistics after = pool.get_statistics();
    EXPECT_EQ(after.cache_hits - before.cache_hits, kHits);
}

}  // namespace
}  // namespace numapool
