// Owns: checks of the promise that memory whose sizes drift is used again without page faults, and of what
// moves and what does not. Must not know: anything beyond the public headers.
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "fakes/page_faults.h"
#include "pool_case.h"

namespace numapool {
namespace {

using fakes::page_faults;

/// Whether a pool can move pages here; not under Valgrind, nor before Linux 5.7.
bool pages_move() {
    MemoryPool pool(steady_options());
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(pool.allocate(4 * kMiB));
    pool.deallocate(blocks[0]);
    pool.deallocate(blocks[2]);
    void* large = pool.allocate(8 * kMiB);
    const bool moved = pool.get_statistics().stitched != 0;
    for (void* block : {large, blocks[1], blocks[3]}) pool.deallocate(block);
    return moved;
}

/// Blocks that come and go, each filled with a value of its own.
class Crowd {
public:
    explicit Crowd(MemoryPool& pool) : pool_(pool) {}
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd() {
        while (!members_.empty()) leave(0);
    }
    void join(std::size_t bytes) {
        void* block = pool_.allocate(bytes);
        const long before = page_faults();
        fill(block, bytes, ++value_ % 256);
        faults_ += page_faults() - before;
        members_.push_back({block, bytes, value_ % 256});
        live_ += bytes;
        peak_live_ = std::max(peak_live_, live_);
    }
    void leave(std::size_t index) {
        std::swap(members_[index], members_.back());
        const Member& gone = members_.back();
        // Each page's first byte: one that a move put elsewhere would show.
        const auto* bytes = static_cast<const unsigned char*>(gone.block);
        for (std::size_t at = 0; at < gone.bytes; at += 4096) {
            if (bytes[at] != gone.value) ++damaged_;
        }
        live_ -= gone.bytes;
        pool_.deallocate(gone.block);
        members_.pop_back();
    }
    std::size_t size() const { return members_.size(); }
    std::size_t peak_live() const { return peak_live_; }
    std::size_t damaged() const { return damaged_; }
    /// Faults that filling blocks took so far.
    long faults_so_far() const { return faults_; }

private:
    struct Member {
        void* block;
        std::size_t bytes;
        int value;
    };
    MemoryPool& pool_;
    std::vector<Member> members_;
    int value_ = 0;
    long faults_ = 0;
    std::size_t live_ = 0;
    std::size_t peak_live_ = 0;
    std::size_t damaged_ = 0;
};

using Random = std::mt19937_64;

struct Drift {
    const char* name;
    std::size_t live;
    std::size_t (*size)(Random&, std::size_t step);
    double most_held;  ///< of the peak of live bytes
};

std::size_t random_size(Random& random, std::size_t) { return 5 * kMiB + random() % (20 * kMiB); }
std::size_t length(Random& random, std::size_t) {
    std::lognormal_distribution<double> lengths(std::log(8.0), 1.0);
    double mib = 0;
    do mib = lengths(random);
    while (mib < 1.1 || mib > 64);
    return static_cast<std::size_t>(mib * static_cast<double>(kMiB));
}
std::size_t alternating_size(Random&, std::size_t step) { return step % 2 == 0 ? 7'000'000 : 7'100'000; }

class DriftingSizes : public testing::TestWithParam<Drift> {};

// What blocks of seven MB hold beyond 1.10 is the ends of huge pages: moving takes whole ones.
INSTANTIATE_TEST_SUITE_P(Sizes, DriftingSizes,
                         testing::Values(Drift{"Random", 10, random_size, 1.10},
                                         Drift{"Lengths", 10, length, 1.15},
                                         Drift{"Alternating", 20, alternating_size, 1.15}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(DriftingSizes, AreServedWithoutFaultsAndHoldLittleMoreThanIsLive) {
    if (!pages_move()) GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    const OnOneCpu here;
    const auto& [name, live, size, most_held] = GetParam();
    MemoryPool pool(steady_options());
    Random random(7);
    Crowd crowd(pool);
    for (std::size_t step = 0; step < 250 + live; ++step) {
        if (crowd.size() == live) crowd.leave(random() % live);
        const Statistics before = pool.get_statistics();
        const long faults_before = crowd.faults_so_far();
        crowd.join(size(random, step));
        const Statistics after = pool.get_statistics();
        if (step > 150) {
            EXPECT_LE(static_cast<std::size_t>(crowd.faults_so_far() - faults_before) * 4096,
                      2 * kMiB + after.peak_memory_bytes - before.peak_memory_bytes)
                << step;
        }
        expect_consistent(after);
    }
    const Statistics s = pool.get_statistics();
    EXPECT_GT(s.stitched, 0U);
    EXPECT_LE(static_cast<std::size_t>(crowd.faults_so_far()) * 4096, s.peak_memory_bytes) << "none twice";
    EXPECT_LE(static_cast<double>(s.peak_memory_bytes), most_held * static_cast<double>(crowd.peak_live()));
    EXPECT_EQ(crowd.damaged(), 0U);
}

TEST(Moving, GrowingBatchesTakeOnlyWhatTheyGrowBy) {
    if (!pages_move()) GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    Crowd crowd(pool);
    for (std::size_t step = 0; step < 30; ++step) {
        const std::size_t unit = 3 * kMiB + step * 50'000;
        for (const std::size_t parts : {4U, 9U, 3U, 12U, 6U, 5U}) crowd.join(unit * parts / 4);
        while (crowd.size() != 0) crowd.leave(crowd.size() / 2);
    }
    const Statistics s = pool.get_statistics();
    EXPECT_LE(static_cast<double>(s.peak_memory_bytes), 1.15 * static_cast<double>(crowd.peak_live()));
    EXPECT_LE(static_cast<std::size_t>(crowd.faults_so_far()) * 4096, s.peak_memory_bytes);
    EXPECT_EQ(crowd.damaged(), 0U);
}

TEST(Moving, AStitchedBlockIsAHit) {
    if (!pages_move()) GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::vector<void*> blocks;
    for (int i = 0; i < 6; ++i) blocks.push_back(pool.allocate(4 * kMiB));
    for (const int i : {0, 2, 4}) pool.deallocate(blocks[static_cast<std::size_t>(i)]);
    const Statistics before = pool.get_statistics();
    void* block = pool.allocate(12 * kMiB);
    const Statistics after = pool.get_statistics();
    EXPECT_EQ(after.stitched, 1U);
    EXPECT_EQ(after.cache_hits, before.cache_hits + 1);
    EXPECT_EQ(after.bytes_reused, before.bytes_reused + 12 * kMiB);
    EXPECT_EQ(after.memory_usage_bytes, before.memory_usage_bytes);
    EXPECT_EQ(after.idle_bytes, 0U);
    expect_consistent(after);
    pool.deallocate(block);
    for (const int i : {1, 3, 5}) pool.deallocate(blocks[static_cast<std::size_t>(i)]);
}

// F56
TEST(Moving, F56_MemoryThatMustNotMoveDoesNot) {
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.movable = false;
    MemoryPool pool(options);
    Random random(5);
    Crowd crowd(pool);
    for (std::size_t step = 0; step < 300; ++step) {
        if (crowd.size() == 10) crowd.leave(random() % 10);
        crowd.join(2 * kMiB + random() % (8 * kMiB));
    }
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.stitched, 0U);
    EXPECT_EQ(s.evicted(EvictionCause::kNotMovable).bytes, 0U) << "it was not tried";
    EXPECT_EQ(crowd.damaged(), 0U);
}

// F27: every way that memory can take back into the pool, every page dirtied, and zeroed requests between.
TEST(Moving, F27_ZeroedMemoryIsZeroWhateverItWas) {
    for (const HugePages huge_pages : {HugePages::kNever, HugePages::kAuto}) {
        PoolOptions options;
        options.huge_pages = huge_pages;
        options.max_buffers = 8;
        options.idle_decay = std::chrono::milliseconds(60);
        MemoryPool pool(options);
        Random random(huge_pages == HugePages::kNever ? 1 : 2);
        std::vector<std::pair<void*, std::size_t>> held;
        std::size_t dirty = 0;
        for (int step = 0; step < 1200; ++step) {
            if (held.size() > 24 || (held.size() > 4 && random() % 2 == 0)) {
                std::swap(held[random() % held.size()], held.back());
                pool.deallocate(held.back().first);
                held.pop_back();
            } else {
                const std::size_t most = random() % 3 == 0   ? 12 * kMiB
                                         : random() % 2 == 0 ? 2 * kMiB
                                                             : 40'000;
                const std::size_t bytes = 1 + random() % most;
                const bool zeroed = random() % 2 == 0;
                void* block = pool.allocate(bytes, {.zeroed = zeroed});
                if (zeroed && !holds(block, bytes, 0)) ++dirty;
                fill(block, bytes, 0xA5);
                held.emplace_back(block, bytes);
            }
            if (step % 97 == 0) pool.trim(random() % (16 * kMiB));
            if (step % 211 == 0) pool.initialize(8 * kMiB);
        }
        EXPECT_EQ(dirty, 0U);
        for (const auto& [block, bytes] : held) pool.deallocate(block);
    }
}

TEST(Moving, StitchingMakesEvictionForTheLimitNeedless) {
    if (!pages_move()) GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    const OnOneCpu here;
    PoolOptions options = steady_options();
    options.max_bytes = 16 * kMiB;
    MemoryPool pool(options);
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(pool.allocate(4 * kMiB));
    for (const std::size_t i : {0U, 2U, 3U}) pool.deallocate(blocks[i]);
    void* large = pool.allocate(12 * kMiB);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.evicted(EvictionCause::kMaxBytes).bytes, 0U);
    EXPECT_EQ(s.memory_usage_bytes, 16 * kMiB);
    pool.deallocate(large);
    pool.deallocate(blocks[1]);
}

}  // namespace
}  // namespace numapool
