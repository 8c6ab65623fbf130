// Owns: large blocks taken by many threads at once while pages move underneath, each block stamped and
// checked. Must not know: anything beyond the public headers.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

namespace numapool {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMiB = std::size_t{1} << 20;

/// A quarter of the time that the other stress tests have (NUMAPOOL_STRESS_SECONDS, 2 unless set).
Clock::duration time_for_one() {
    const char* text = std::getenv("NUMAPOOL_STRESS_SECONDS");
    const double seconds = text != nullptr ? std::atof(text) : 2.0;
    return std::chrono::milliseconds(static_cast<long>(seconds * 250.0));
}

struct Stamped {
    std::uint64_t* words = nullptr;
    std::size_t bytes = 0;
    std::uint64_t stamp = 0;

    static constexpr std::size_t kStep = 4096 / sizeof(std::uint64_t);
    std::size_t count() const { return bytes / sizeof(std::uint64_t); }
    void write() const {
        for (std::size_t at = 0; at < count(); at += kStep) words[at] = stamp + at;
        words[count() - 1] = stamp;
    }
    std::size_t damaged() const {
        std::size_t pages = words[count() - 1] != stamp;
        for (std::size_t at = 0; at + 1 < count(); at += kStep) pages += words[at] != stamp + at;
        return pages;
    }
};

class MovedPages : public testing::TestWithParam<HugePages> {};
INSTANTIATE_TEST_SUITE_P(Pools, MovedPages, testing::Values(HugePages::kNever, HugePages::kAuto),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

TEST_P(MovedPages, AreSeenByNoOneElse) {
    const auto end = Clock::now() + time_for_one();
    PoolOptions options;
    options.huge_pages = GetParam();
    options.idle_decay = std::chrono::milliseconds(300);
    MemoryPool pool(options);
    std::atomic<std::size_t> damaged{0};
    std::atomic<std::size_t> dirty{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937_64 random(t);
            std::vector<Stamped> held;
            for (std::uint64_t step = 0; Clock::now() < end; ++step) {
                if (held.size() == 6) {
                    std::swap(held[random() % held.size()], held.back());
                    damaged += held.back().damaged();
                    pool.deallocate(held.back().words);
                    held.pop_back();
                }
                Stamped made{nullptr, kMiB + 8 + random() % (10 * kMiB) / 8 * 8, (t + 1) << 56 | step << 32};
                const bool zeroed = random() % 16 == 0;
                made.words = static_cast<std::uint64_t*>(pool.allocate(made.bytes, {.zeroed = zeroed}));
                if (zeroed) {
                    for (std::size_t at = 0; at < made.count(); at += Stamped::kStep)
                        dirty += made.words[at] != 0;
                }
                made.write();
                held.push_back(made);
                if (t == 0 && step % 64 == 0) pool.trim(8 * kMiB);
            }
            for (const Stamped& left : held) {
                damaged += left.damaged();
                pool.deallocate(left.words);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(damaged, 0U);
    EXPECT_EQ(dirty, 0U);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_bytes, 0U);
    EXPECT_EQ(s.idle_bytes, s.memory_usage_bytes);
    RecordProperty("stitched", static_cast<int>(s.stitched));
    pool.trim();
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U);
}

}  // namespace
}  // namespace numapool
