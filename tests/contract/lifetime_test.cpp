// Owns: checks of pools, threads and processes that end in an inconvenient order.
// Must not know: thread caches, locks.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "pool_case.h"

namespace numapool {
namespace {

// F14
TEST(Faults, F14_TheLastBufferOfAClosedPoolMayComeBackFromAnyThread) {
    std::vector<Buffer> buffers;
    {
        MemoryPool pool(steady_options());
        for (const std::size_t bytes : kSizes) buffers.push_back(pool.get_buffer(bytes));
    }
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < buffers.size(); i += 3) {
                fill(buffers[i].data(), buffers[i].size(), 1);
                buffers[i] = Buffer();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (int i = 0; i < 100; ++i) {
        const MemoryPool next(steady_options());  // its place is free again
    }
}

TEST(Lifetime, ManyPoolsMayLiveOneAfterTheOther) {
    for (int i = 0; i < 300; ++i) {
        MemoryPool pool(steady_options());
        const Buffer small = pool.get_buffer(100);
        const Buffer large = pool.get_buffer(2 * kMiB);
        fill(large.data(), 64, 1);
    }
}

TEST(Lifetime, PoolsOfTheSamePlaceNeverShareAThreadsBlocks) {
    // Both threads have used a pool that is gone; then they use the next one in the other order.
    std::unique_ptr<MemoryPool> pool = std::make_unique<MemoryPool>(steady_options());
    std::atomic<int> turn{0};
    std::set<void*> blocks_of[2];
    const auto work = [&](int me) {
        for (int round = 0; round < 6; ++round) {
            const bool first = (round + me) % 2 == 0;
            const int my_turn = 3 * round + (first ? 0 : 1);
            while (turn != my_turn) std::this_thread::yield();
            std::vector<void*> held;
            for (int i = 0; i < 30; ++i) held.push_back(pool->allocate(200));
            blocks_of[me].clear();
            for (void* block : held) {
                fill(block, 200, me + 1);
                blocks_of[me].insert(block);
            }
            if (!first) {
                for (void* block : blocks_of[me]) EXPECT_EQ(blocks_of[1 - me].count(block), 0U);
            }
            for (void* block : held) {
                EXPECT_TRUE(holds(block, 200, me + 1));
                if (!first) pool->deallocate(block);
            }
            turn = my_turn + 1;
            while (turn < 3 * round + 2) std::this_thread::yield();
            if (first) {
                for (void* block : held) {
                    EXPECT_TRUE(holds(block, 200, me + 1)) << "someone else had the same block";
                    pool->deallocate(block);
                }
                EXPECT_EQ(pool->get_statistics().live_buffers, 0U);
                pool = std::make_unique<MemoryPool>(steady_options());
                turn = 3 * round + 3;
            }
        }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
}

// F18, for distinct blocks: each thread returns what others got.
TEST(Faults, F18_ThreadsReturnEachOthersBlocks) {
    MemoryPool pool(steady_options());
    constexpr std::size_t kThreads = 4;
    for (int round = 0; round < 20; ++round) {
        std::vector<void*> blocks(kThreads * 50);
        const auto in_threads = [&](const auto& work) {
            std::vector<std::thread> threads;
            for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
            for (std::thread& thread : threads) thread.join();
        };
        in_threads([&](std::size_t t) {
            for (std::size_t i = 0; i < 50; ++i) {
                const std::size_t bytes = kSizes[i % std::size(kSizes)];
                blocks[t * 50 + i] = pool.allocate(bytes);
                fill(blocks[t * 50 + i], std::min<std::size_t>(bytes, 64), static_cast<int>(t));
            }
        });
        in_threads([&](std::size_t t) {
            const std::size_t from = (t + 1) % kThreads;
            for (std::size_t i = 0; i < 50; ++i) {
                const std::size_t bytes = kSizes[i % std::size(kSizes)];
                EXPECT_TRUE(
                    holds(blocks[from * 50 + i], std::min<std::size_t>(bytes, 64), static_cast<int>(from)));
                pool.deallocate(blocks[from * 50 + i]);
            }
        });
        EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
    }
    EXPECT_EQ(pool.get_statistics().total_allocations, 20U * kThreads * 50U);
}

/// For one block: two threads return it at the same instant, and both ask for such blocks later. At least one
/// return wins. Where the other is not noticed (its caller broke the rules), the block has one holder all the
/// same. In how many of up to `rounds` it was not.
int return_at_once(MemoryPool& pool, std::size_t bytes, int rounds) {
    int unnoticed = 0;
    int round = 0;
    // An emulated machine takes minutes for so many.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    for (; round < rounds && std::chrono::steady_clock::now() < end && !testing::Test::HasFailure();
         ++round) {
        void* const block = pool.allocate(bytes);
        fill(block, 64, 1);
        std::atomic<int> ready{0};
        std::array<ErrorCode, 2> codes{};
        std::array<std::vector<void*>, 2> later;
        const auto give_and_ask = [&](std::size_t me) {
            ++ready;
            while (ready < 2) std::this_thread::yield();
            codes[me] = pool.try_deallocate(block);
            ++ready;
            while (ready < 4) std::this_thread::yield();
            if (me == 1) {  // the seal tells, but not at the same instant
                while (ready < 5) std::this_thread::yield();
            }
            for (int i = 0; i < 3; ++i) {
                later[me].push_back(pool.allocate(bytes));
                fill(later[me].back(), 64, static_cast<int>(10 + me));
            }
            ++ready;
        };
        std::thread other([&] { give_and_ask(1); });
        give_and_ask(0);
        other.join();
        EXPECT_TRUE(codes[0] == ErrorCode::kOk || codes[1] == ErrorCode::kOk);
        const bool merges = bytes > kMiB;  // then it is the start of nothing
        for (const ErrorCode code : codes)
            EXPECT_TRUE(code == ErrorCode::kOk || code == ErrorCode::kAlreadyReturned ||
                        (merges && code == ErrorCode::kInteriorPointer))
                << to_string(code);
        unnoticed += codes[0] == codes[1];
        std::set<void*> distinct;
        for (std::size_t me = 0; me < 2; ++me) {
            for (void* held : later[me]) {
                EXPECT_TRUE(holds(held, 64, static_cast<int>(10 + me))) << "a second holder wrote to it";
                EXPECT_TRUE(distinct.insert(held).second) << "handed out twice";
                EXPECT_EQ(pool.try_deallocate(held), ErrorCode::kOk);
            }
        }
    }
    std::printf("%zu bytes: in %d of %d rounds both returns seemed good\n", bytes, unnoticed, round);
    return unnoticed;
}

TEST(Faults, F18_TwoThreadsReturnTheSameBlock) {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP()
        << "two unordered returns of one block are a race by themselves, and ThreadSanitizer says so";
#endif
    MemoryPool pool(steady_options());
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{20'000}, 400 * kKiB})
        RecordProperty("unnoticed_of_" + std::to_string(bytes), return_at_once(pool, bytes, 300));
}

// Of a large block one return wins, also where no thread keeps any.
TEST(Faults, F18_TwoThreadsReturnTheSameLargeBlock) {
    for (const std::size_t max_buffers : {std::size_t{32}, std::size_t{0}}) {
        PoolOptions options = steady_options();
        options.max_buffers = max_buffers;
        MemoryPool pool(options);
        EXPECT_EQ(return_at_once(pool, 3 * kMiB, 3000), 0);  // others may have the CPUs
        EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
    }
}

// F29
TEST(Faults, F29_BlocksOfEndedThreadsAreNotLost) {
    const OnOneCpu here;
    MemoryPool pool(steady_options());
    std::uint64_t usage = 0;
    for (int i = 0; i < 200; ++i) {
        void* from_ended = nullptr;
        std::thread([&] {
            from_ended = pool.allocate(3 * kMiB);
            for (int k = 0; k < 20; ++k) pool.deallocate(pool.allocate(5000));
        }).join();
        fill(from_ended, 64, 1);
        pool.deallocate(from_ended);
        if (i == 20) usage = pool.get_statistics().memory_usage_bytes;
    }
    EXPECT_EQ(pool.get_statistics().memory_usage_bytes, usage) << "memory does not grow with threads";
    EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
}

MemoryPool* late_pool = nullptr;
std::atomic<int> late_uses{0};

void use_late() {
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{50000}, 2 * kMiB}) {
        void* block = late_pool->allocate(bytes);
        fill(block, bytes, 1);
        late_pool->deallocate(block);
        ++late_uses;
    }
}

// F30
TEST(Faults, F30_ThreadLocalDestructorsMayUseThePool) {
    MemoryPool pool(steady_options());
    late_pool = &pool;
    late_uses = 0;
    static pthread_key_t key;
    static int rounds = 0;
    rounds = 0;
    // A key's destructor that asks for further rounds runs after the library's own too.
    ASSERT_EQ(pthread_key_create(&key,
                                 [](void*) {
                                     use_late();
                                     if (++rounds < 3) pthread_setspecific(key, &key);
                                 }),
              0);
    std::thread([&] {
        struct Late {
            Buffer held;
            ~Late() {
                use_late();
                held = Buffer();
            }
        };
        thread_local Late late;
        late.held = pool.get_buffer(1000);
        pthread_setspecific(key, &key);
    }).join();
    pthread_key_delete(key);
    EXPECT_EQ(late_uses, 12);
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.total_allocations, 13U);
    EXPECT_EQ(s.auto_returns, 1U);
    expect_consistent(s);
}

/// What the child does with its copy of the pool; its exit code.
int use_in_child(MemoryPool& pool, void* inherited, std::size_t bytes) {
    if (!holds(inherited, bytes, 0x42)) return 2;
    pool.deallocate(inherited);
    for (int i = 0; i < 50; ++i) {
        std::vector<void*> blocks;
        for (const std::size_t size : kSizes) {
            blocks.push_back(pool.try_allocate(size));
            if (blocks.back() == nullptr) return 3;
            fill(blocks.back(), size, 1);
        }
        for (void* block : blocks) {
            if (pool.try_deallocate(block) != ErrorCode::kOk) return 4;
        }
    }
    pool.initialize(40 * kMiB);
    pool.trim();
    static_cast<void>(pool.get_statistics());
    MemoryPool own;
    own.deallocate(own.allocate(3 * kMiB));
    return 0;
}

// F20
TEST(Faults, F20_AForkedChildAllocatesWhileTheParentsThreadsDo) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "sanitizers' own locks are not made for threads in the child of a process that has some";
#endif
    MemoryPool pool;  // with decay: its thread is one more that a fork may catch in the middle
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; !done; ++i) {
                void* block = pool.allocate(kSizes[i % std::size(kSizes)]);
                *static_cast<char*>(block) = 1;
                pool.deallocate(block);
                if (i % 100 == 0) pool.trim(kMiB);
                if (t == 0 && i % 5000 == 0) pool.initialize(40 * kMiB);  // with threads of its own
            }
        });
    }
    constexpr std::size_t kBytes = 100000;
    void* inherited = pool.allocate(kBytes);
    fill(inherited, kBytes, 0x42);
    for (int i = 0; i < 30; ++i) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::alarm(60);  // a deadlock ends the child, and fails the test
            ::_exit(use_in_child(pool, inherited, kBytes));
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status)) << "fork " << i << ": ended by signal " << WTERMSIG(status);
        ASSERT_EQ(WEXITSTATUS(status), 0) << "fork " << i;
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(holds(inherited, kBytes, 0x42)) << "the parent's block is its own";
    pool.deallocate(inherited);
    EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
}

// F20: the machine is looked at when the first pool is made, which takes a while.
TEST(FaultsDeathTest, F20_AForkWhileTheFirstPoolIsMade) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process in which there was none
    EXPECT_EXIT(
        {
            std::atomic<bool> begun{false};
            std::thread first([&] {
                begun = true;
                MemoryPool pool(steady_options());
                const NodeBinding here(NumaOptimizer(pool).get_numa_nodes().front());
            });
            while (!begun) std::this_thread::yield();
            for (int i = 0; i < 30; ++i) {
                const pid_t child = ::fork();
                if (child == 0) {
                    ::alarm(60);
                    MemoryPool pool(steady_options());
                    pool.deallocate(pool.allocate(1000));
                    const NodeBinding here(NumaOptimizer(pool).get_numa_nodes().front());
                    std::_Exit(0);
                }
                int status = 0;
                if (::waitpid(child, &status, 0) != child || status != 0) std::_Exit(1);
            }
            first.join();
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), "");
}

// F17, for C++: a process may end with live buffers, running threads and pools that are never destroyed.
TEST(FaultsDeathTest, F17_TheProcessEndsWhateverIsLeft) {
    EXPECT_EXIT(
        {
            static auto* const pool = new MemoryPool;
            static Buffer in_static;
            in_static = pool->get_buffer(3 * kMiB);
            alignas(Buffer) static unsigned char never_destroyed[sizeof(Buffer)];
            new (never_destroyed) Buffer(pool->get_buffer(1000));
            std::thread([] {
                for (;;) pool->deallocate(pool->allocate(5000));
            }).detach();
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace numapool
