// Owns: forks, threads that end and processes that end, many times over, while other threads use the pool.
// NUMAPOOL_FORKS and NUMAPOOL_THREAD_DEATHS say how many (200 and 2000). Must not know: anything beyond the
// public headers.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

#include "watchdog.h"

namespace numapool {
namespace {

using stress::goal;
using stress::Watchdog;

constexpr std::size_t kSizes[] = {40, 1000, 5000, 70'000, 600'000, std::size_t{2} << 20};

/// A block, its ends and its middle stamped by its owner.
struct Stamped {
    std::uint64_t* words = nullptr;
    std::size_t count = 0;
    std::uint64_t owner = 0;

    static Stamped make(MemoryPool& pool, std::size_t bytes, std::uint64_t owner) {
        Stamped made{static_cast<std::uint64_t*>(pool.try_allocate(bytes)), bytes / sizeof(std::uint64_t),
                     owner};
        if (made.words != nullptr)
            made.words[0] = made.words[made.count / 2] = made.words[made.count - 1] = owner;
        return made;
    }
    bool intact() const {
        return words[0] == owner && words[count / 2] == owner && words[count - 1] == owner;
    }
};

/// Takes one block of each size and gives all back; how many were not as they should be.
unsigned use_once(MemoryPool& pool, std::uint64_t owner) {
    unsigned wrong = 0;
    std::array<Stamped, std::size(kSizes)> held;
    for (std::size_t i = 0; i < held.size(); ++i) held[i] = Stamped::make(pool, kSizes[i], owner);
    for (const Stamped& each : held) {
        if (each.words == nullptr) {
            ++wrong;
            continue;
        }
        wrong += !each.intact();
        wrong += pool.try_deallocate(each.words) != ErrorCode::kOk;
    }
    return wrong;
}

enum Ending { kQuick, kExit, kQuickExit, kWithThreads, kEndings };

/// What a child does with its copy, and how it ends.
[[noreturn]] void live_as_child(MemoryPool& pool, const std::vector<Stamped>& inherited, unsigned which) {
    const Watchdog watchdog("a forked child", 120);
    unsigned wrong = 0;
    for (const Stamped& each : inherited) {
        wrong += !each.intact();
        each.words[0] = 0;  // in its own copy
        wrong += pool.try_deallocate(each.words) != ErrorCode::kOk;
    }
    wrong += use_once(pool, 1);
    std::atomic<unsigned> wrong_in_threads{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 2; ++t)
        threads.emplace_back([&, t] { wrong_in_threads += use_once(pool, 2 + t); });
    for (std::thread& thread : threads) thread.join();
    pool.trim();
    static_cast<void>(pool.get_statistics());
    const int status = wrong + wrong_in_threads != 0 ? 1 : 0;
    switch (which % kEndings) {
        case kExit:
            std::exit(status);
        case kQuickExit:
            std::quick_exit(status);
        case kWithThreads: {
            static const Stamped kept = Stamped::make(pool, 5000, 9);  // live at the end
            if (!kept.intact()) ::_exit(1);
            std::thread([&pool] {
                for (;;) use_once(pool, 10);
            }).detach();
            std::exit(status);
        }
        default:
            ::_exit(status);
    }
}

// F20, F17
TEST(Lifecycle, F20_ForksWhileThreadsAllocate) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "sanitizers' own locks are not made for threads in the child of a process that has some";
#endif
    const std::uint64_t forks = goal("NUMAPOOL_FORKS", 200);
    const Watchdog watchdog("forking", static_cast<unsigned>(300 + forks));
    MemoryPool& pool = *new MemoryPool;  // children that exit() leave it to their running threads
    std::vector<Stamped> inherited;
    for (const std::size_t bytes : kSizes) inherited.push_back(Stamped::make(pool, bytes, 77));
    std::atomic<bool> done{false};
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t turn = 0; !done; ++turn) {
                wrong += use_once(pool, 100 + t);
                if (turn % 64 == 0) pool.trim(std::size_t{1} << 20);
                if (turn % 16 == 0) std::thread([&] { wrong += use_once(pool, 200 + t); }).join();
            }
        });
    }
    for (unsigned i = 0; i < forks; ++i) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) live_as_child(pool, inherited, i);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status)) << "fork " << i << ": ended by signal " << WTERMSIG(status);
        ASSERT_EQ(WEXITSTATUS(status), 0) << "fork " << i << ", ending " << i % kEndings;
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0U) << "the parent is undisturbed";
    for (const Stamped& each : inherited) {
        EXPECT_TRUE(each.intact());
        EXPECT_EQ(pool.try_deallocate(each.words), ErrorCode::kOk);
    }
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes + s.idle_bytes, s.memory_usage_bytes);
    std::printf("forks: %llu\n", static_cast<unsigned long long>(forks));
    delete &pool;
}

MemoryPool* pool_of_late = nullptr;
std::atomic<unsigned> late_wrong{0};
std::atomic<std::uint64_t> late_uses{0};
pthread_key_t late_key;

// Asks for another round until the library's own destructor has run for sure.
void use_late(void* round) {
    late_wrong += use_once(*pool_of_late, 500);
    ++late_uses;
    const auto next = reinterpret_cast<std::uintptr_t>(round) + 1;
    if (next < 4) ::pthread_setspecific(late_key, reinterpret_cast<void*>(next));
}

// F29, F30
TEST(Lifecycle, F29_ThreadsThatEndLoseNothing) {
    const std::uint64_t deaths = goal("NUMAPOOL_THREAD_DEATHS", 2000);
    const Watchdog watchdog("threads that end", static_cast<unsigned>(300 + deaths / 50));
    ASSERT_EQ(::pthread_key_create(&late_key, use_late), 0);
    PoolOptions options;
    options.idle_decay = std::nullopt;
    MemoryPool pool(options);
    pool_of_late = &pool;
    std::mutex mutex;
    std::vector<Stamped> left;  // by threads that ended, for others to give back
    std::atomic<unsigned> wrong{0};
    std::uint64_t usage_early = 0;
    for (std::uint64_t i = 0; i < deaths; i += 2) {
        const auto life = [&](std::uint64_t owner) {
            struct Late {
                ~Late() { late_wrong += use_once(*pool_of_late, 600); }
                Buffer held;
            };
            thread_local Late late;  // its destructor runs before those of keys
            late.held = pool.get_buffer(1000);
            if (owner % 2 == 0) ::pthread_setspecific(late_key, reinterpret_cast<void*>(std::uintptr_t{1}));
            wrong += use_once(pool, owner);
            const Stamped leaving = Stamped::make(pool, kSizes[owner % std::size(kSizes)], owner);
            const std::lock_guard lock(mutex);
            left.push_back(leaving);
            if (left.size() < 8) return;
            std::swap(left[owner % left.size()], left.back());
            wrong += !left.back().intact() || pool.try_deallocate(left.back().words) != ErrorCode::kOk;
            left.pop_back();
        };
        std::thread one(life, 1000 + i);
        std::thread other(life, 1001 + i);
        one.join();
        other.join();
        if (i == deaths / 4) usage_early = pool.get_statistics().memory_usage_bytes;
    }
    const std::uint64_t usage = pool.get_statistics().memory_usage_bytes;
    EXPECT_LE(usage, usage_early + usage_early / 2 + (std::size_t{16} << 20))
        << "memory does not grow with threads";
    for (const Stamped& each : left)
        wrong += !each.intact() || pool.try_deallocate(each.words) != ErrorCode::kOk;
    ::pthread_key_delete(late_key);
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(late_wrong, 0U);
    EXPECT_EQ(late_uses, (deaths + 1) / 2 * 3);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes + s.idle_bytes, s.memory_usage_bytes);
    std::printf("thread deaths: %llu, uses after the thread's own cache was gone or going: %llu\n",
                static_cast<unsigned long long>(deaths), static_cast<unsigned long long>(late_uses.load()));
    pool.trim();
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, 0U) << "what ended threads held was not lost";
}

/// A static object whose destructor uses a pool, also one that is destroyed by then.
struct UsedAtTheEnd {
    MemoryPool* pool = nullptr;
    ~UsedAtTheEnd() {
        if (pool == nullptr) return;
        if (use_once(*pool, 3) != 0) ::_exit(5);
        MemoryPool last;
        if (use_once(last, 4) != 0) ::_exit(6);
    }
};

[[noreturn]] void end_with_everything(unsigned which) {
    const Watchdog watchdog("a process that ends", 60);
    static UsedAtTheEnd at_the_end;
    static MemoryPool never_empty;  // destroyed before at_the_end, with a live block
    auto* pool = new MemoryPool;
    at_the_end.pool = pool;
    if (never_empty.try_allocate(100'000) == nullptr) ::_exit(7);
    std::thread([pool] {
        for (;;) use_once(*pool, 1);
    }).detach();
    std::thread([pool] {
        for (;;) pool->trim(1 << 20);
    }).detach();
    if (use_once(*pool, 2) != 0) ::_exit(8);
    if (which % 2 == 0) std::exit(42);
    std::at_quick_exit([] {
        MemoryPool last;
        if (use_once(last, 5) != 0) ::_exit(9);
    });
    std::quick_exit(42);
}

// F17
TEST(Lifecycle, F17_ProcessesEndWithTheirOwnStatus) {
    const std::uint64_t ends = std::max<std::uint64_t>(10, goal("NUMAPOOL_FORKS", 200) / 10);
    const Watchdog watchdog("processes that end", static_cast<unsigned>(300 + ends));
    for (unsigned i = 0; i < ends; ++i) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) end_with_everything(i);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
        ASSERT_EQ(WEXITSTATUS(status), 42) << "process " << i;
    }
}

}  // namespace
}  // namespace numapool
