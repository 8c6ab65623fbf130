// Owns: checks of initialize(): who faults the pages in, what is foreseen, and that it is all or nothing.
// Must not know: how an arena keeps what was prefaulted.
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/errors.h"

#include "fakes/made_up_files.h"
#include "os/virtual_memory.h"
#include "played_pool.h"
#include "pool/failure_message.h"
#include "pool/populate_crew.h"
#include "topology/cpu_binding.h"

namespace numapool::detail {
namespace {

using fakes::MadeUpFiles;
using fakes::PopulatedRange;

/// Two nodes: the first CPU of this process is node 0's, its last one is node 1's; the same where it has one.
Topology two_nodes() {
    Topology machine = synthetic_topology("numa:2 core:1 pu:1");
    machine.nodes[0].cpus = {topology::current_cpus().front()};
    machine.nodes[1].cpus = {topology::current_cpus().back()};
    return machine;
}

std::string message_of(const PlayedPool& pool, const base::Failure& failure) {
    try {
        throw_failure(pool.core(), failure);
    } catch (const PoolError& error) {
        return error.message();
    }
}

class Prefault : public testing::Test {
protected:
    static constexpr std::size_t kNodeBytes = 64 * kMiB;

    static int node_of_range(const PlayedPool& pool, const PopulatedRange& range) {
        const arena::AddressRange* found = arena::find_range(range.begin);
        EXPECT_NE(found, nullptr);
        return pool->nodes().at(found->arena_index);
    }
    /// Bytes that were faulted in for each of two nodes; no page twice.
    static std::vector<std::size_t> populated(const PlayedPool& pool) {
        std::vector<std::size_t> bytes(2);
        std::vector<PopulatedRange> ranges = FakeSystemCalls::populates();
        std::sort(ranges.begin(), ranges.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
        std::uintptr_t end = 0;
        for (const PopulatedRange& range : ranges) {
            EXPECT_GE(range.begin, end) << "faulted in twice";
            end = range.end;
            bytes.at(static_cast<std::size_t>(node_of_range(pool, range))) += range.end - range.begin;
        }
        return bytes;
    }
    static void expect_nothing_held(const PlayedPool& pool) {
        EXPECT_EQ(pool->statistics().memory_usage_bytes, 0U);
        EXPECT_EQ(pool->statistics().peak_memory_bytes, 0U);
        EXPECT_EQ(pool->resident_bytes(), 0U);
    }

    FakeSystemCalls fake_;
};

TEST_F(Prefault, EachNodesPagesComeFromThreadsOnItsCpus) {
    const Topology machine = two_nodes();
    const std::vector<int> before = topology::current_cpus();
    PlayedPool pool(quiet_options(), machine);
    ASSERT_TRUE(pool->initialize(kNodeBytes));
    EXPECT_EQ(populated(pool), (std::vector{kNodeBytes, kNodeBytes}));
    for (const PopulatedRange& range : FakeSystemCalls::populates()) {
        const auto node = static_cast<std::size_t>(node_of_range(pool, range));
        EXPECT_EQ(range.cpus, machine.nodes[node].cpus);
        EXPECT_EQ(range.begin % base::kGranuleBytes, 0U) << "huge pages are not cut";
    }
    EXPECT_EQ(topology::current_cpus(), before);
    EXPECT_EQ(pool->resident_bytes(), 2 * kNodeBytes);
    EXPECT_EQ(pool->statistics().idle_bytes, 2 * kNodeBytes);
    for (const PlacementCheck& check : pool->verify_placement()) {
        EXPECT_EQ(check.home, kNodeBytes / os::page_bytes());
        EXPECT_EQ(check.elsewhere, 0U);
    }
}

TEST_F(Prefault, WithoutThreadsTheCallerDoesIt) {
    pthread_attr_t usual;
    pthread_attr_t impossible;
    ASSERT_EQ(::pthread_getattr_default_np(&usual), 0);
    ASSERT_EQ(::pthread_getattr_default_np(&impossible), 0);
    ASSERT_EQ(::pthread_attr_setstacksize(&impossible, std::size_t{1} << 46), 0);
    ASSERT_EQ(::pthread_setattr_default_np(&impossible), 0);
    EXPECT_THROW(std::jthread([] {}), std::system_error) << "no thread can be started here";
    PlayedPool pool(quiet_options(), two_nodes());
    EXPECT_TRUE(pool->initialize(kNodeBytes));
    ASSERT_EQ(::pthread_setattr_default_np(&usual), 0);
    EXPECT_EQ(populated(pool), (std::vector{kNodeBytes, kNodeBytes}));
}

TEST_F(Prefault, CpusThatMayNotBeUsedAreDoneWithout) {
    Topology machine = two_nodes();
    machine.nodes[1].cpus = {1 << 14};  // no machine has so many
    PlayedPool pool(quiet_options(), machine);
    EXPECT_TRUE(pool->initialize(kNodeBytes));
    EXPECT_EQ(populated(pool), (std::vector{kNodeBytes, kNodeBytes}));
}

TEST_F(Prefault, UntoldKernelsAreToldByFirstTouch) {
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    const Topology machine = two_nodes();
    PlayedPool pool(quiet_options(), machine);
    ASSERT_TRUE(pool->initialize(8 * kMiB));
    EXPECT_EQ(populated(pool), (std::vector{8 * kMiB, 8 * kMiB}));
    for (const PopulatedRange& range : FakeSystemCalls::populates()) {
        const auto node = static_cast<std::size_t>(node_of_range(pool, range));
        EXPECT_EQ(range.cpus, machine.nodes[node].cpus);
    }
}

TEST_F(Prefault, ARefusalHalfWayGivesAllOfItBack) {
    PlayedPool pool(quiet_options(), two_nodes());
    for (const int error : {ENOMEM, EFAULT, EHWPOISON}) {
        FakeSystemCalls::refuse_advice(MADV_POPULATE_WRITE, error, 3);
        auto done = pool->initialize(kNodeBytes);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.failure().code, ErrorCode::kOutOfMemory);
        EXPECT_EQ(done.failure().system_error, error);
        EXPECT_EQ(done.failure().value, kNodeBytes);
        const std::string message = message_of(pool, done.failure());
        EXPECT_NE(message.find(std::to_string(kNodeBytes)), std::string::npos) << message;
        EXPECT_NE(message.find(std::strerror(error)), std::string::npos) << message;
        expect_nothing_held(pool);
    }
    FakeSystemCalls::allow_all();
    EXPECT_TRUE(pool->initialize(kNodeBytes));
    EXPECT_EQ(pool->resident_bytes(), 2 * kNodeBytes);
}

TEST_F(Prefault, AddsWhatLacksAndNoMore) {
    PlayedPool pool(quiet_options(), two_nodes());
    ASSERT_TRUE(pool->initialize(0));
    expect_nothing_held(pool);
    for (const auto& [bytes, held] : {std::pair{8 * kMiB, 8 * kMiB}, std::pair{8 * kMiB, 8 * kMiB},
                                      std::pair{40 * kMiB, 40 * kMiB}, std::pair{3 * kMiB, 40 * kMiB}}) {
        ASSERT_TRUE(pool->initialize(bytes));
        EXPECT_EQ(pool->statistics().idle_bytes, 2 * held);
    }
    EXPECT_EQ(populated(pool), (std::vector{40 * kMiB, 40 * kMiB}));
    void* block = pool.get_on(1, 40 * kMiB);
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 80 * kMiB)
        << "what was added lies beside what was there";
    PlayedPool::give(block);
    ASSERT_TRUE(pool->initialize(40 * kMiB));
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 80 * kMiB) << "what a thread keeps ready counts";
}

TEST_F(Prefault, ManyAtOnceAddItOnce) {
    PlayedPool pool(quiet_options(), two_nodes());
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_TRUE(pool->initialize(16 * kMiB)); });
    }
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 32 * kMiB);
}

TEST_F(Prefault, TheLimitHoldsForAllNodesTogether) {
    PoolOptions options = quiet_options();
    options.max_bytes = 100 * kMiB;
    PlayedPool pool(options, two_nodes());
    auto done = pool->initialize(kNodeBytes);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.failure().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(done.failure().bound, 100 * kMiB);
    expect_nothing_held(pool);
    EXPECT_TRUE(FakeSystemCalls::populates().empty());
    EXPECT_TRUE(pool->initialize(50 * kMiB));
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 100 * kMiB);
}

TEST_F(Prefault, ImpossibleSizesAreRefused) {
    PlayedPool pool(quiet_options(), two_nodes());
    for (const std::size_t bytes : {~std::size_t{0}, kMostBytes + 1}) {
        auto done = pool->initialize(bytes);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.failure().code, ErrorCode::kInvalidSize);
    }
    EXPECT_FALSE(pool->initialize(kMostBytes));
    expect_nothing_held(pool);
}

TEST_F(Prefault, MemoryThatIsNotThereIsNotTouched) {
    const MadeUpFiles files;
    files.write("/proc/meminfo", "MemTotal: 9000000 kB\nMemFree: 1000 kB\nMemAvailable: 102400 kB\n");
    PlayedPool pool(quiet_options(), two_nodes(), files.root());
    for (const char* limited : {"the machine", "the control group"}) {
        auto done = pool->initialize(kNodeBytes);
        ASSERT_FALSE(done) << limited;
        EXPECT_EQ(done.failure().code, ErrorCode::kOutOfMemory);
        EXPECT_EQ(done.failure().value, 2 * kNodeBytes);
        EXPECT_EQ(done.failure().bound, 100 * kMiB);
        const std::string message = message_of(pool, done.failure());
        EXPECT_NE(message.find(std::to_string(2 * kNodeBytes)), std::string::npos) << message;
        EXPECT_NE(message.find(std::to_string(100 * kMiB)), std::string::npos) << message;
        EXPECT_TRUE(FakeSystemCalls::populates().empty());
        expect_nothing_held(pool);
        files.write("/proc/meminfo", "MemTotal: 9000000 kB\nMemFree: 1000 kB\nMemAvailable: 8000000 kB\n");
        files.write("/proc/self/cgroup", "0::/g\n");
        files.write("/proc/self/mountinfo", "30 23 0:26 / /groups rw - cgroup2 cgroup rw\n");
        files.write("/groups/g/memory.max", std::to_string(130 * kMiB) + "\n");
        files.write("/groups/g/memory.current", std::to_string(30 * kMiB) + "\n");
    }
    EXPECT_TRUE(pool->initialize(49 * kMiB));
}

TEST_F(Prefault, NodesThatTheCpusetForbidsHaveNothingForIt) {
    const MadeUpFiles files;
    files.write("/proc/meminfo", "MemTotal: 9000000 kB\nMemFree: 1000 kB\nMemAvailable: 8000000 kB\n");
    files.write("/proc/self/status", "Mems_allowed_list:\t1,3\n");
    files.write("/sys/devices/system/node/node0/meminfo",
                "Node 0 MemTotal: 9000000 kB\nNode 0 MemFree: 8000000 kB\n");
    files.write("/sys/devices/system/node/node1/meminfo",
                "Node 1 MemTotal: 900000 kB\nNode 1 MemFree: 92160 kB\nNode 1 Inactive(file): 10240 kB\n");
    PlayedPool pool(quiet_options(), two_nodes(), files.root());
    auto done = pool->initialize(kNodeBytes);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.failure().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(done.failure().bound, 100 * kMiB);
    EXPECT_TRUE(FakeSystemCalls::populates().empty());
    expect_nothing_held(pool);
    EXPECT_TRUE(pool->initialize(49 * kMiB));
}

class StrictPrefault : public Prefault {
protected:
    static PoolOptions strict() {
        PoolOptions options = quiet_options();
        options.bind = BindMode::kStrict;
        return options;
    }
    static void expect_not_placed(PlayedPool& pool, PlacementFailure why) {
        auto done = pool->initialize(8 * kMiB);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.failure().code, ErrorCode::kPlacementFailed);
        EXPECT_EQ(done.failure().value, 8 * kMiB);
        EXPECT_EQ(done.failure().bound, static_cast<std::size_t>(why));
        expect_nothing_held(pool);
    }
};

TEST_F(StrictPrefault, LooksThePagesUp) {
    PlayedPool pool(strict(), two_nodes());
    FakeSystemCalls::fill_node(1, 0);
    expect_not_placed(pool, PlacementFailure::kElsewhere);
    FakeSystemCalls::allow_all();
    ASSERT_TRUE(pool->initialize(8 * kMiB));
    std::uint64_t looked_up = 0;
    for (const NodeStatistics& node : pool->statistics().nodes) looked_up += node.pages_looked_up;
    EXPECT_EQ(looked_up, 2 * 2 * 8 * kMiB / os::page_bytes()) << "those found elsewhere, and these";
}

TEST_F(StrictPrefault, AFullNodeIsNotTouched) {
    const MadeUpFiles files;
    files.write("/sys/devices/system/node/node1/meminfo",
                "Node 1 MemTotal: 90000 kB\nNode 1 MemFree: 4096 kB\nNode 1 Inactive(file): 4000 kB\n");
    PlayedPool pool(strict(), two_nodes(), files.root());
    expect_not_placed(pool, PlacementFailure::kNoMemory);
    EXPECT_TRUE(FakeSystemCalls::populates().empty());
    files.write("/sys/devices/system/node/node1/meminfo",
                "Node 1 MemTotal: 90000 kB\nNode 1 MemFree: 4096 kB\nNode 1 Inactive(file): 4096 kB\n");
    EXPECT_TRUE(pool->initialize(8 * kMiB)) << "page cache can be dropped";
}

TEST_F(StrictPrefault, ARefusedPolicyIsTold) {
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    PlayedPool pool(strict(), two_nodes());
    expect_not_placed(pool, PlacementFailure::kRefused);
}

TEST_F(StrictPrefault, LargeStrictRequestsShareTheWork) {
    const Topology machine = two_nodes();
    PlayedPool pool(quiet_options(), machine);
    const Request request{.placement = Placement::on_node(1), .bind = BindMode::kStrict};
    void* small = pool.get(3 * kMiB, request);
    ASSERT_EQ(FakeSystemCalls::populates().size(), 1U);
    EXPECT_EQ(FakeSystemCalls::populates()[0].cpus, topology::current_cpus()) << "not worth a move";
    void* large = pool.get(kNodeBytes, request);
    ASSERT_NE(large, nullptr);
    EXPECT_EQ(populated(pool)[1], kNodeBytes + 3 * kMiB);
    EXPECT_GT(FakeSystemCalls::populates().size(), 2U) << "in pieces";
    for (std::size_t i = 1; i < FakeSystemCalls::populates().size(); ++i) {
        EXPECT_EQ(FakeSystemCalls::populates()[i].cpus, machine.nodes[1].cpus);
    }
    PlayedPool::give(small);
    PlayedPool::give(large);
}

}  // namespace
}  // namespace numapool::detail
