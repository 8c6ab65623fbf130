// Owns: checks of what the library makes of a system that refuses calls beside those for memory: to start
// threads, to bind them, to open and read files, to order other threads, to watch faults. Each in a process
// of its own. Must not know: where the library calls.
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "fakes/messages.h"
#include "fakes/system_call_filter.h"
#include "pool_case.h"

namespace numapool {
namespace {

using fakes::RefusedCall;

/// What is refused, and how: told to the system in the process that is to suffer it.
struct Refusal {
    const char* name;
    std::vector<RefusedCall> calls;
    void (*further)() = nullptr;  ///< what is no system call
    const char* bound = "";       ///< what a refused binding says; "" if binding works
    bool threads = true;
};

void use_up_keys() {
    pthread_key_t key;
    while (::pthread_key_create(&key, nullptr) == 0) {
    }
}

void allow_no_more_files() {
    const int next = ::open("/dev/null", O_RDONLY);
    const rlimit limit{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
    ::close(next);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || ::open("/dev/null", O_RDONLY) >= 0) std::_Exit(125);
}

void check_all_blocks() { ::setenv("NUMAPOOL_CHECK", "1", 1); }

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::_Exit(1);
}

void want(bool so, const char* what) {
    if (!so) fail(what);
}

void use(MemoryPool& pool) {
    for (int round = 0; round < 4; ++round) {
        std::vector<void*> blocks;
        for (const std::size_t bytes : kSizes) {
            blocks.push_back(pool.allocate(bytes, {.zeroed = true}));
            want(holds(blocks.back(), bytes, 0), "zeroed memory was not zero");
            fill(blocks.back(), bytes, static_cast<int>(blocks.size()));
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            want(holds(blocks[i], kSizes[i], static_cast<int>(i + 1)), "a block was handed out twice");
            want(pool.try_deallocate(blocks[i]) == ErrorCode::kOk, "a return was refused");
        }
    }
}

void use_in_thread(MemoryPool& pool, bool threads) {
    try {
        std::thread([&] { use(pool); }).join();
        want(threads, "a thread was started");
    } catch (const std::system_error&) {
        want(!threads, "no thread was started");
    }
}

std::string try_to_bind() {
    try {
        const NodeBinding binding(discover_topology().nodes.at(0).id);
        return "";
    } catch (const PlacementError& error) {
        return error.what();
    }
}

/// In the process that suffers the refusal: uses the library for the first time, in every way; ends it.
[[noreturn]] void suffer(const Refusal& refusal) try {
    ::alarm(60);  // a call that is tried for ever ends the process, and fails the test
    if (refusal.further != nullptr) refusal.further();
    if (const int error = fakes::refuse_system_calls(refusal.calls); error != 0)
        fail("the calls could not be refused: " + std::to_string(error));
    const fakes::Messages messages;
    {
        MemoryPool pool;
        pool.initialize(64 * kMiB);
        void* const held = pool.allocate(3 * kMiB);
        fill(held, 3 * kMiB, 0x42);
        use(pool);
        use_in_thread(pool, refusal.threads);
        want(pool.try_allocate(kGiB << 20) == nullptr, "a pebibyte was handed out");
        use_in_thread(pool, refusal.threads);
        want(holds(held, 3 * kMiB, 0x42), "a held block changed");
        const Statistics s = pool.get_statistics();
        want(s.live_buffers == 1 && s.live_bytes + s.idle_bytes + s.pending_bytes == s.memory_usage_bytes,
             "the figures do not add up");
        pool.deallocate(held);
        pool.trim();
        const Statistics after = pool.get_statistics();
        want(after.live_buffers == 0, "a block was lost");
        want(after.memory_usage_bytes <= 4 * kMiB, "idle memory was not given back");
    }
    const std::string bound = try_to_bind();
    std::fprintf(stderr, "binding: '%s'\n%s", bound.c_str(), messages.text().c_str());
    want(bound.empty() == (*refusal.bound == '\0') && bound.find(refusal.bound) != std::string::npos,
         "that is not what binding should say");
    std::_Exit(0);
} catch (const std::exception& error) {
    fail(std::string("unexpected: ") + error.what());
}

const Refusal kRefusals[] = {
    {"Membarrier", {{SYS_membarrier, ENOSYS}}},
    {"Affinity",
     {{SYS_sched_setaffinity, EPERM}, {SYS_sched_getaffinity, EPERM}},
     nullptr,
     "sched_setaffinity must be allowed"},
    {"SetAffinity", {{SYS_sched_setaffinity, EPERM}}, nullptr, "sched_setaffinity must be allowed"},
    {"GetAffinity", {{SYS_sched_getaffinity, EPERM}}},
    {"Threads", {{SYS_clone3, ENOSYS}, {SYS_clone, EAGAIN}}, nullptr, "", false},
    {"Keys", {}, use_up_keys},
    {"Opening", {{SYS_openat, EACCES}, {SYS_open, EACCES}}},
    {"Descriptors", {}, allow_no_more_files},
    {"Reading", {{SYS_read, EIO}, {SYS_pread64, EIO}}},
    {"SystemFigures", {{SYS_sysinfo, ENOSYS}, {SYS_getcpu, ENOSYS}}},
    {"SignalActions", {{SYS_rt_sigaction, EPERM}}, check_all_blocks},
    {"SignalMasks", {{SYS_rt_sigprocmask, EPERM}}},
};

class RefusedCallsDeathTest : public testing::TestWithParam<Refusal> {};

// F33 beyond memory: the pool does without, loses nothing, and where something was asked for that cannot be,
// says so.
TEST_P(RefusedCallsDeathTest, F33_ThePoolDoesWithout) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "a sanitizer makes such calls of its own, and ends where they are refused";
#endif
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // in a new process, which knows nothing yet
    EXPECT_EXIT(suffer(GetParam()), testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Calls, RefusedCallsDeathTest, testing::ValuesIn(kRefusals),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace numapool
