// Owns: threads that use a pool while signals pour in upon them.
// Must not know: anything beyond the public headers.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

#include "watchdog.h"

namespace numapool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using stress::Watchdog;

constexpr std::size_t kSizes[] = {100, 5000, 200'000, std::size_t{3} << 20};
constexpr int kStorm = SIGUSR1;
constexpr int kThreads = 3;

MemoryPool* pool_of_handlers = nullptr;
std::atomic<std::uint64_t> signals{0};
std::atomic<std::uint64_t> served{0};
std::atomic<std::uint64_t> refused{0};
std::atomic<std::uint64_t> stranded{0};

void count_only(int) { signals.fetch_add(1, std::memory_order_relaxed); }

// What a handler must not do.
void use_the_pool(int) {
    const std::uint64_t turn = signals.fetch_add(1, std::memory_order_relaxed);
    ErrorCode why = ErrorCode::kOk;
    void* block = pool_of_handlers->try_allocate(kSizes[turn % std::size(kSizes)], {}, &why);
    if (block == nullptr) {
        refused += why == ErrorCode::kInterrupted;
        return;
    }
    ++served;
    stranded += pool_of_handlers->try_deallocate(block) == ErrorCode::kInterrupted;
}

void set_handler(void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(::sigaction(kStorm, &action, nullptr), 0);
}

/// Threads that run `work(thread)` again and again, each hit by a signal every few microseconds, for
/// `length`.
template <class Work>
void storm(milliseconds length, Work work) {
    std::atomic<bool> done{false};
    std::array<std::thread, kThreads> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads[static_cast<std::size_t>(t)] = std::thread([&, t] {
            while (!done.load(std::memory_order_relaxed)) work(t);
        });
    }
    const auto end = Clock::now() + length;
    while (Clock::now() < end) {
        for (std::thread& thread : threads) ::pthread_kill(thread.native_handle(), kStorm);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
}

milliseconds length_of_one() { return milliseconds(stress::goal("NUMAPOOL_STRESS_SECONDS", 2) * 500); }

// F31
TEST(Signals, F31_AStormOfSignalsDisturbsNothing) {
    const Watchdog watchdog("signals that use no pool", 300);
    signals = 0;
    set_handler(count_only);
    PoolOptions options;
    options.idle_decay = milliseconds(20);
    MemoryPool pool(options);
    std::atomic<unsigned> damaged{0};
    std::array<std::atomic<std::uint64_t>, kThreads> pairs{};
    storm(length_of_one(), [&](int t) {
        std::array<unsigned char*, std::size(kSizes)> blocks{};
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            blocks[i] = static_cast<unsigned char*>(pool.allocate(kSizes[i]));
            std::memset(blocks[i], t + 1, 64);
        }
        for (const unsigned char* block : blocks) {
            damaged += block[0] != t + 1 || block[63] != t + 1;
            pool.deallocate(const_cast<unsigned char*>(block));
        }
        if (++pairs[static_cast<std::size_t>(t)] % 256 == 0) pool.trim(std::size_t{1} << 20);
    });
    EXPECT_EQ(damaged, 0U);
    EXPECT_GT(signals, 0U);
    RecordProperty("signals", std::to_string(signals));
    const Statistics s = pool.get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.idle_bytes, s.memory_usage_bytes);
    EXPECT_EQ(s.total_allocations, 4 * (pairs[0] + pairs[1] + pairs[2]));
}

/// What the child of the test below does; its exit status.
int misuse() {
    const Watchdog watchdog("handlers that use the pool", 120);
    MemoryPool pool;
    for (const std::size_t bytes : kSizes) pool.deallocate(pool.allocate(bytes));
    pool_of_handlers = &pool;
    set_handler(use_the_pool);
    std::array<std::uint64_t, kThreads> turns{};
    storm(length_of_one(), [&](int t) {
        std::array<void*, 40> blocks{};
        for (std::size_t i = 0; i < blocks.size(); ++i)
            blocks[i] = pool.try_allocate(kSizes[i % std::size(kSizes)]);
        for (void* block : blocks) {
            if (block != nullptr) static_cast<void>(pool.try_deallocate(block));
        }
        if (++turns[static_cast<std::size_t>(t)] % 4 == 0) pool.trim(std::size_t{1} << 20);
        static_cast<void>(pool.get_statistics());
    });
    set_handler(count_only);
    MemoryPool next;  // what such handlers spoil is their own pool
    for (const std::size_t bytes : kSizes) next.deallocate(next.allocate(bytes));
    std::printf(
        "signals: %llu, served: %llu, refused: %llu, stranded: %llu\n",
        static_cast<unsigned long long>(signals.load()), static_cast<unsigned long long>(served.load()),
        static_cast<unsigned long long>(refused.load()), static_cast<unsigned long long>(stranded.load()));
    std::fflush(stdout);
    return refused != 0 && served != 0 ? 0 : 3;
}

/// Whether the pools of this process end it where they find a misuse.
bool all_are_watched() {
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    const char* check = std::getenv("NUMAPOOL_CHECK");
    return check != nullptr && check == std::string_view("1");
#endif
}

// F31: a handler must not use a pool. One that does hangs neither its thread nor the process.
TEST(Signals, F31_HandlersThatUseThePoolHangNothing) {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer puts handlers off to a place where they interrupt nothing";
#endif
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(misuse());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    // A block may be handed out twice, as memory_pool.h warns, but nothing hangs.
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        EXPECT_TRUE(signal == SIGSEGV || signal == SIGBUS || (all_are_watched() && signal == SIGABRT))
            << signal;
        return;
    }
#if defined(__SANITIZE_ADDRESS__)
    if (WEXITSTATUS(status) == 1)
        return;  // AddressSanitizer's own end of a process that touched such a block
#endif
    EXPECT_NE(WEXITSTATUS(status), Watchdog::kHung);
    EXPECT_NE(WEXITSTATUS(status), 3) << "no handler came at the right moment: nothing was tested";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

std::atomic<bool> taken_by_someone{false};

// F31: handlers are the program's own and run on its own threads.
TEST(Signals, F31_TheLibrarysThreadsTakeNone) {
    const Watchdog watchdog("a signal for the process", 60);
    set_handler([](int) { taken_by_someone = true; });
    taken_by_someone = false;
    sigset_t storm_only;
    ::sigemptyset(&storm_only);
    ::sigaddset(&storm_only, kStorm);
    PoolOptions options;
    options.idle_decay = std::chrono::hours(1);  // its thread then stays
    MemoryPool pool(options);
    pool.deallocate(pool.allocate(std::size_t{3} << 20));
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &storm_only, nullptr), 0);  // after that thread was started
    ASSERT_EQ(::kill(::getpid(), kStorm), 0);
    const timespec soon{2, 0};
    EXPECT_EQ(::sigtimedwait(&storm_only, nullptr, &soon), kStorm) << "it waits for a thread of the program";
    EXPECT_FALSE(taken_by_someone);
    ASSERT_EQ(::pthread_sigmask(SIG_UNBLOCK, &storm_only, nullptr), 0);
}

}  // namespace
}  // namespace numapool
