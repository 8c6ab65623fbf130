// Owns: random use by many threads, each stamping its blocks and checking the stamps before it gives them up.
// Must not know: anything beyond the public headers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

#include "watchdog.h"

namespace numapool {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937_64;

/// How long the tests of this file may run together (NUMAPOOL_STRESS_SECONDS, 2 unless set).
std::chrono::milliseconds time_for(int parts_of_hundred) {
    const char* text = std::getenv("NUMAPOOL_STRESS_SECONDS");
    const double seconds = text != nullptr ? std::atof(text) : 2.0;
    return std::chrono::milliseconds(static_cast<long>(seconds * 10.0 * parts_of_hundred));
}

/// A block whose every eighth byte is its owner's number.
struct Stamped {
    void* block = nullptr;
    std::size_t bytes = 0;
    std::uint64_t owner = 0;

    void stamp() const {
        auto* words = static_cast<std::uint64_t*>(block);
        std::fill_n(words, bytes / sizeof owner, owner);
        std::memset(static_cast<char*>(block) + bytes / sizeof owner * sizeof owner,
                    static_cast<int>(owner & 0xFF), bytes % sizeof owner);
    }
    bool intact() const {
        const auto* words = static_cast<const std::uint64_t*>(block);
        const auto* tail = static_cast<const unsigned char*>(block) + bytes / sizeof owner * sizeof owner;
        return std::all_of(words, words + bytes / sizeof owner,
                           [&](std::uint64_t w) { return w == owner; }) &&
               std::all_of(tail, tail + bytes % sizeof owner,
                           [&](unsigned char byte) { return byte == (owner & 0xFF); });
    }
};

/// 1 B to 8 MiB, small ones much more often.
std::size_t random_bytes(Random& random) {
    const auto shift = std::min(random() % 24, random() % 24);
    return 1 + random() % (std::size_t{1} << shift);
}

/// Blocks on their way from one thread to another.
class Exchange {
public:
    /// Leaves `mine` and takes another, if there are enough.
    Stamped swap(const Stamped& mine, Random& random) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(mine);
        if (waiting_.size() < 16) return {};
        std::swap(waiting_[random() % waiting_.size()], waiting_.back());
        const Stamped taken = waiting_.back();
        waiting_.pop_back();
        return taken;
    }
    std::vector<Stamped> take_all() {
        const std::lock_guard lock(mutex_);
        return std::exchange(waiting_, {});
    }

private:
    std::mutex mutex_;
    std::vector<Stamped> waiting_;
};

class OwnerStamps : public testing::Test {
protected:
    void give(const Stamped& stamped) {
        if (!stamped.intact()) ++damaged_;
        if (return_block(stamped.block) != ErrorCode::kOk) ++refused_;
    }
    /// One thread's life: get, stamp, hold, hand over, check, give back.
    void live(MemoryPool& pool, std::uint64_t seed, int steps) {
        Random random(seed);
        std::vector<Stamped> held;
        for (int step = 0; step < steps && Clock::now() < end_; ++step) {
            if (held.size() < 24 && random() % 2 == 0) {
                const bool zeroed = random() % 8 == 0;
                Stamped made{nullptr, random_bytes(random), ++owners_};
                const std::size_t alignment = std::size_t{64} << (random() % 8 == 0 ? random() % 16 : 0);
                made.block = pool.try_allocate(made.bytes, {.alignment = alignment, .zeroed = zeroed});
                if (made.block == nullptr) continue;  // the pool may have a limit
                if (reinterpret_cast<std::uintptr_t>(made.block) % alignment != 0) ++damaged_;
                if (zeroed && !Stamped{made.block, made.bytes, 0}.intact()) ++dirty_;
                made.stamp();
                held.push_back(made);
            } else if (!held.empty()) {
                std::swap(held[random() % held.size()], held.back());
                const Stamped leaving = held.back();
                held.pop_back();
                const Stamped taken = random() % 3 == 0 ? exchange_.swap(leaving, random) : leaving;
                if (taken.block != nullptr) give(taken);
            }
        }
        for (const Stamped& stamped : held) give(stamped);
    }
    void expect_sound() const {
        EXPECT_EQ(damaged_, 0U) << "blocks that someone else wrote to";
        EXPECT_EQ(dirty_, 0U) << "zeroed blocks that were not";
        EXPECT_EQ(refused_, 0U) << "valid returns that were refused";
    }

    std::atomic<std::uint64_t> owners_{0};
    std::atomic<unsigned> damaged_{0};
    std::atomic<unsigned> dirty_{0};
    std::atomic<unsigned> refused_{0};
    Exchange exchange_;
    Clock::time_point end_;
};

struct Setting {
    const char* name;
    PoolOptions options;
};

class OwnerStampsOf : public OwnerStamps, public testing::WithParamInterface<Setting> {};

INSTANTIATE_TEST_SUITE_P(
    Pools, OwnerStampsOf,
    testing::Values(Setting{"Default", {}},
                    Setting{"Bounded", {.max_buffers = 3, .max_bytes = std::size_t{96} << 20}},
                    Setting{"IdleBytes", {.max_idle_bytes = std::size_t{8} << 20}},
                    Setting{"FastDecay",
                            {.zero_on_return = true, .idle_decay = std::chrono::milliseconds(20)}}),
    [](const auto& tested) { return std::string(tested.param.name); });

// F28, F29
TEST_P(OwnerStampsOf, F28_NoBlockEverHasTwoOwners) {
    end_ = Clock::now() + time_for(15);
    MemoryPool pool(GetParam().options);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            // Threads that come and go: each slot runs one short life after another.
            for (std::uint64_t life = 0; Clock::now() < end_; ++life) {
                std::thread([&] { live(pool, t * 1000 + life, 400); }).join();
            }
        });
    }
    threads.emplace_back([&] {
        Random random(99);
        while (Clock::now() < end_) {
            pool.trim(random() % (std::size_t{16} << 20));
            const Statistics s = pool.get_statistics();
            if (pool.options().max_bytes && s.memory_usage_bytes > *pool.options().max_bytes) ++damaged_;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    });
    for (std::thread& thread : threads) thread.join();
    for (const Stamped& stamped : exchange_.take_all()) give(stamped);
    expect_sound();
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes, 0U);
    EXPECT_EQ(s.live_bytes + s.idle_bytes, s.memory_usage_bytes);
    pool.trim();
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U) << "what ended threads held was not lost";
}

// F28, for as many operations as NUMAPOOL_STRESS_OPERATIONS says (2 million): stamps at a block's ends alone,
// and at each word of one block in 128.
TEST_F(OwnerStamps, F28_ManyOperationsAndNoSecondOwner) {
    const std::uint64_t goal = stress::goal("NUMAPOOL_STRESS_OPERATIONS", 2'000'000);
    const stress::Watchdog watchdog("operations", static_cast<unsigned>(300 + goal / 100'000));
    constexpr std::uint64_t kThreads = 4;
    constexpr std::uint64_t kTurn = 4096;
    MemoryPool pool;
    std::atomic<std::uint64_t> operations{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            struct Quick {
                std::uint64_t* words = nullptr;
                std::uint64_t count = 0;
                std::uint64_t owner = 0;
            };
            std::vector<Quick> held(64);
            std::uint64_t random = 0x9E3779B97F4A7C15U * (t + 1);
            std::uint64_t owner = t << 48;
            Random choice(t);
            unsigned damaged = 0;
            unsigned refused = 0;
            const auto give_back = [&](const Quick& each) {
                damaged += each.words[0] != each.owner || each.words[each.count - 1] != each.owner;
                refused += pool.try_deallocate(each.words) != ErrorCode::kOk;
            };
            while (operations.fetch_add(2 * kTurn, std::memory_order_relaxed) < goal) {
                for (std::uint64_t i = 0; i < kTurn; ++i) {
                    // Another thread gives back some of what this one took.
                    if (i % 32 == 0) {
                        Quick& passed = held[i / 32 % held.size()];
                        if (passed.words != nullptr) {
                            const Stamped taken = exchange_.swap(
                                {passed.words, passed.count * sizeof(std::uint64_t), passed.owner}, choice);
                            passed = {static_cast<std::uint64_t*>(taken.block),
                                      taken.bytes / sizeof(std::uint64_t), taken.owner};
                        }
                    }
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    Quick& place = held[random % held.size()];
                    if (place.words != nullptr) give_back(place);
                    // Mostly small, one in 64 medium, one in 4096 large.
                    const std::uint64_t words = random >> 12 & 0xFFF;
                    const std::uint64_t count = words == 0   ? 200'000
                                                : words < 64 ? 512 + words * 64
                                                             : 2 + words / 32;
                    place = {static_cast<std::uint64_t*>(pool.allocate(count * sizeof(std::uint64_t))), count,
                             ++owner};
                    place.words[0] = place.words[count - 1] = owner;
                    if ((random >> 24 & 0x7F) == 0) {
                        const Stamped whole{place.words, count * sizeof(std::uint64_t), owner};
                        whole.stamp();
                        damaged += !whole.intact();
                    }
                }
            }
            for (const Quick& each : held) {
                if (each.words != nullptr) give_back(each);
            }
            damaged_ += damaged;
            refused_ += refused;
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Stamped& left : exchange_.take_all()) {
        if (return_block(left.block) != ErrorCode::kOk) ++refused_;
    }
    expect_sound();
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_GE(2 * s.total_allocations, goal) << "each block was got and given back";
    std::printf("operations: %llu\n", static_cast<unsigned long long>(2 * s.total_allocations));
}

TEST_F(OwnerStamps, PoolsComeAndGoUnderneath) {
    end_ = Clock::now() + time_for(25);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t life = 0; Clock::now() < end_; ++life) {
                PoolOptions options;
                options.idle_decay = std::chrono::milliseconds(life % 2 == 0 ? 10000 : 10);
                MemoryPool pool(options);
                std::thread helper([&] { live(pool, 7000 + t * 1000 + life, 60); });
                live(pool, t * 1000 + life, 60);
                helper.join();
                if (life % 3 == 0) pool.close();
                // Blocks in the exchange outlive the pool.
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Stamped& stamped : exchange_.take_all()) give(stamped);
    expect_sound();
}

TEST_F(OwnerStamps, ClosingMeetsReturns) {
    end_ = Clock::now() + time_for(15);
    for (std::uint64_t round = 0; Clock::now() < end_; ++round) {
        auto pool = std::make_unique<MemoryPool>();
        std::vector<Stamped> blocks[2];
        Random random(round);
        for (int i = 0; i < 60; ++i) {
            Stamped made{nullptr, random_bytes(random), ++owners_};
            made.block = pool->allocate(made.bytes);
            made.stamp();
            blocks[i % 2].push_back(made);
        }
        std::atomic<int> ready{0};
        std::vector<std::thread> threads;
        for (const auto& mine : blocks) {
            threads.emplace_back([&] {
                ++ready;
                while (ready < 3) std::this_thread::yield();
                for (const Stamped& stamped : mine) give(stamped);
            });
        }
        ++ready;
        while (ready < 3) std::this_thread::yield();
        pool.reset();
        for (std::thread& thread : threads) thread.join();
    }
    expect_sound();
}

}  // namespace
}  // namespace numapool
