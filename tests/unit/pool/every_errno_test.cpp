// Owns: the check that each error that a system call's manual page documents, at each call of a busy program,
// loses no memory, no buffer and no figure.
// Must not know: what the pool does about an error beyond that.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/errors.h"
#include "numapool/page_map.h"

#include "arena/mapping_edges.h"
#include "fakes/slow_runs.h"
#include "os/mapping_nodes.h"
#include "os/memory_policy.h"
#include "os/remapping.h"
#include "os/trial_memory.h"
#include "os/virtual_memory.h"
#include "played_pool.h"
#include "pool/binding_stack.h"
#include "pool/thread_binding.h"
#include "topology/cpu_binding.h"

namespace numapool::detail {
namespace {

/// A call and what its manual page (man-pages 6.03) says that it can fail with.
struct Documented {
    const char* name;
    Call call;
    int advice;  ///< of madvise; -1 for other calls
    std::vector<int> errors;
    std::size_t sites;  ///< places in src/os that make the call
};

const std::vector<int> kOfMadvise = {ENOMEM, EACCES, EAGAIN, EBADF, EBUSY, EHWPOISON, EINVAL, EIO, EPERM};

// The first error of each is tried at every call, the others at some.
const Documented kDocumented[] = {
    {"mmap",
     Call::kMap,
     -1,
     {ENOMEM, EACCES, EAGAIN, EBADF, EEXIST, EINVAL, ENFILE, ENODEV, EOVERFLOW, EPERM, ETXTBSY},
     4},
    {"munmap", Call::kUnmap, -1, {ENOMEM, EINVAL}, 1},
    {"mprotect", Call::kProtect, -1, {ENOMEM, EACCES, EINVAL}, 1},
    {"madvise_dontneed", Call::kAdvise, MADV_DONTNEED, kOfMadvise, 1},
    {"madvise_hugepage", Call::kAdvise, MADV_HUGEPAGE, kOfMadvise, 1},
    {"madvise_nohugepage", Call::kAdvise, MADV_NOHUGEPAGE, kOfMadvise, 1},
    {"madvise_populate", Call::kAdvise, 23 /* MADV_POPULATE_WRITE */, kOfMadvise, 1},
    {"mincore", Call::kResident, -1, {ENOMEM, EAGAIN, EFAULT, EINVAL}, 4},
    {"mbind", Call::kBind, -1, {EPERM, EFAULT, EINVAL, EIO, ENOMEM, ENOSYS}, 1},
    {"move_pages",
     Call::kLocate,
     -1,
     {EPERM, E2BIG, EACCES, EFAULT, EINVAL, ENODEV, ENOENT, ENOMEM, ENOSYS},
     2},
    {"set_mempolicy", Call::kSetPolicy, -1, {EPERM, EFAULT, EINVAL, ENOMEM, ENOSYS}, 1},
    {"get_mempolicy", Call::kGetPolicy, -1, {EPERM, EFAULT, EINVAL, ENOSYS}, 4},
    {"mremap", Call::kRemap, -1, {ENOMEM, EAGAIN, EFAULT, EINVAL, ENOSYS}, 1},
};

/// A pool, and blocks of it that each hold their owner's number.
class Holder {
public:
    explicit Holder(const PoolOptions& options) : pool_(options) {}

    explicit operator bool() const noexcept { return static_cast<bool>(pool_); }
    PoolCore* operator->() const noexcept { return pool_.operator->(); }

    void get(std::size_t bytes, const Request& request = {}) {
        auto* block = static_cast<char*>(pool_.get(bytes, request));
        if (block == nullptr) {
            EXPECT_NE(pool_.failure().code, ErrorCode::kOk) << bytes;
            return;
        }
        if (request.zeroed) {
            EXPECT_TRUE(std::all_of(block, block + bytes, [](char byte) { return byte == 0; })) << bytes;
        }
        held_.push_back(
            {block, bytes, ++owners_, request.bind == BindMode::kStrict ? request.placement.node() : -1});
        held_.back().stamp();
    }
    void get_on(int node, std::size_t bytes) { get(bytes, {.placement = Placement::on_node(node)}); }
    /// Gives back each block that stands at a multiple of `step`.
    void give(std::size_t step) {
        std::vector<Held> kept;
        for (std::size_t i = 0; i < held_.size(); ++i) {
            if (i % step != 0) {
                kept.push_back(held_[i]);
                continue;
            }
            EXPECT_TRUE(held_[i].intact());
            EXPECT_EQ(PlayedPool::give(held_[i].block), ErrorCode::kOk);
        }
        held_ = std::move(kept);
    }
    const char* first_block() const { return held_.empty() ? nullptr : held_.front().block; }

    /// No call is refused any more: nothing may be lost, and all must work.
    void expect_sound() {
        const Statistics before = pool_->statistics();
        EXPECT_EQ(before.memory_usage_bytes, before.live_bytes + before.idle_bytes);
        EXPECT_LE(before.memory_usage_bytes, before.peak_memory_bytes);
        EXPECT_EQ(before.live_buffers, held_.size());
        for (const Held& each : held_) EXPECT_TRUE(each.strict_kept()) << each.bytes;
        give(1);
        pool_->trim(0, EvictionCause::kTrim);
        const Statistics after = pool_->statistics();
        EXPECT_EQ(after.live_bytes, 0U);
        EXPECT_EQ(after.memory_usage_bytes, 0U) << "trim gives everything back";
        for (const std::size_t bytes : {std::size_t{100}, 20 * kKiB, 3 * kMiB}) get_on(3, bytes);
        EXPECT_EQ(held_.size(), 3U) << "new requests are served";
        give(1);
    }

private:
    struct Held {
        char* block;
        std::size_t bytes;
        std::uint64_t owner;
        int strict_node;

        void stamp() const {
            for (const std::size_t at : words()) std::memcpy(block + at, &owner, sizeof owner);
        }
        bool intact() const {
            return std::ranges::all_of(
                words(), [&](std::size_t at) { return std::memcmp(block + at, &owner, sizeof owner) == 0; });
        }
        /// Whether the pages lie where a strict request wanted them.
        bool strict_kept() const {
            if (strict_node < 0) return true;
            const auto begin = reinterpret_cast<std::uintptr_t>(block) / os::page_bytes() * os::page_bytes();
            for (auto page = begin; page < reinterpret_cast<std::uintptr_t>(block) + bytes;
                 page += os::page_bytes()) {
                int node = -1;
                if (os::locate_by_move_pages(page, node) != 0 || node != strict_node) return false;
            }
            return true;
        }
        std::array<std::size_t, 3> words() const { return {0, bytes / 2, bytes - sizeof owner}; }
    };

    PlayedPool pool_;
    std::vector<Held> held_;
    std::uint64_t owners_ = 0;
};

class EveryErrno : public testing::TestWithParam<Documented> {
protected:
    EveryErrno() {
        const std::vector<int> cpus = topology::current_cpus();
        launch_.machine.nodes = {{0, {cpus.front()}, kGiB, kGiB, true, 0, 0}};
        launch_.all_cpus = {{0, {cpus.front()}}};
    }

    static PoolOptions busy_options(HugePages huge_pages) {
        PoolOptions options = quiet_options();
        options.huge_pages = huge_pages;
        options.idle_decay = std::chrono::hours(1);
        return options;
    }

    static void take_turns(Holder& pool) {
        for (int node = 0; node < 4; ++node) {
            for (const std::size_t bytes : {std::size_t{200}, 20 * kKiB, 700 * kKiB, 3 * kMiB})
                pool.get_on(node, bytes);
        }
        const int nodes[] = {1, 2};
        for (const std::size_t bytes : {std::size_t{300}, 1100 * kKiB}) {
            pool.get(bytes, {.placement = Placement::interleave(nodes)});
            pool.get(bytes, {.placement = Placement::on_node(2), .bind = BindMode::kStrict});
            pool.get(bytes, {.alignment = 4 * kMiB, .zeroed = true});
        }
        pool.give(2);
        static_cast<void>(pool->initialize(4 * kMiB));
        // Idle memory in pieces, then what is longer than any of them.
        for (int i = 0; i < 8; ++i) pool.get_on(0, 4 * kMiB);
        pool.give(2);
        pool.get_on(0, 11 * kMiB);
        pool.get(20 * kKiB, {.placement = Placement::on_node(2), .bind = BindMode::kStrict});
        pool->trim(4 * kMiB, EvictionCause::kTrim);
        const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
        pool->decay(now + 1'800'000, 1'000'000);
        static_cast<void>(pool->verify_placement());
        static_cast<void>(pool->resident_bytes());
        static_cast<void>(pool->statistics());
        if (pool.first_block() != nullptr) static_cast<void>(where(pool.first_block(), 200));
        pool.give(3);
        pool.get_on(1, 5 * kMiB);
    }

    static void look_up_pages() {
        os::TrialMemory trial(4 * os::page_bytes(), os::page_bytes());
        if (trial.error() != 0) return;
        static_cast<void>(trial.touch());
        int node = -1;
        static_cast<void>(os::locate_by_move_pages(trial.address(), node));
        static_cast<void>(os::locate_by_get_mempolicy(trial.address(), node));
        const os::PageRun runs[] = {{trial.address(), trial.address() + trial.bytes()}};
        static_cast<void>(os::locate_by_mapping(runs, ""));
        if (GetParam().call == Call::kLocate) return;
        FakeSystemCalls::refuse(Call::kLocate, EPERM);  // then there is a second way
        static_cast<void>(where(reinterpret_cast<const void*>(trial.address()), trial.bytes()));
        FakeSystemCalls::refuse(Call::kLocate, 0);
    }

    /// A program's life, with `refuse()` called at its start.
    template <class Refuse>
    void live(Refuse refuse) {
        os::forget_remapping();
        arena::set_most_edges(arena::kReadEdges);
        FakeSystemCalls::allow_all();
        FakeSystemCalls::refused_remaps_unmap(++lives_ % 2 == 0);
        refuse();
        Holder first(busy_options(HugePages::kNever));
        Holder second(busy_options(HugePages::kAlways));
        if (first) take_turns(first);
        // A move that fails half-way makes calls of its own.
        if (GetParam().call != Call::kRemap) FakeSystemCalls::refuse(Call::kRemap, ENOMEM, 1, 1);
        if (second) take_turns(second);
        std::thread([&] {
            try {
                const BoundThread bound = bind_calling_thread(0, launch_);
                static_cast<void>(BindingStack::of_this_thread()->undo(bound.id));
            } catch (const PlacementError&) {
                // a refusal that is told
            }
        }).join();
        look_up_pages();
        {
            Holder closed(busy_options(HugePages::kAuto));
            if (closed) {
                closed.get(100);
                closed.get(3 * kMiB);
                closed->close();
                closed.give(1);
            }
        }
        FakeSystemCalls::allow_all();
        if (first) first.expect_sound();
        if (second) second.expect_sound();
    }

    static void refuse(int error, std::uint64_t nth, std::uint64_t times) {
        const Documented& tested = GetParam();
        if (tested.advice < 0) {
            FakeSystemCalls::refuse(tested.call, error, nth, times);
        } else {
            FakeSystemCalls::refuse_advice(tested.advice, error, nth, times);
        }
    }
    static std::uint64_t calls() {
        const Documented& tested = GetParam();
        return tested.advice < 0 ? FakeSystemCalls::count(tested.call)
                                 : FakeSystemCalls::count_advice(tested.advice);
    }

    FakeSystemCalls fake_;
    topology::Launch launch_;
    std::uint64_t lives_ = 0;
};

INSTANTIATE_TEST_SUITE_P(EachCall, EveryErrno, testing::ValuesIn(kDocumented),
                         [](const auto& tested) { return std::string(tested.param.name); });

// F32 to F37, F55
TEST_P(EveryErrno, F32_LosesNothingWhereverItIsMet) {
    const Documented& tested = GetParam();
    const Messages messages;  // or they would fill the screen
    const auto once = [&] {
        const std::uint64_t before = calls();
        live([] {});
        return calls() - before;
    };
    once();  // what a process does but once
    const std::uint64_t calls_of_life = once();
    ASSERT_GT(calls_of_life, 0U) << "nothing here makes this call";
    // A plain build goes to every one.
    const std::uint64_t of_first = fakes::kSlowRuns ? 8 : calls_of_life;
    const std::uint64_t of_others = fakes::kSlowRuns ? 1 : 6;
    for (const int error : tested.errors) {
        SCOPED_TRACE(std::strerror(error));
        const std::uint64_t tried = error == tested.errors.front() ? of_first : of_others;
        const std::uint64_t step = std::max<std::uint64_t>(1, calls_of_life / tried);
        for (std::uint64_t nth = 1; nth <= calls_of_life; nth += step) {
            SCOPED_TRACE("refused once, at call " + std::to_string(nth));
            const std::uint64_t refused_before = FakeSystemCalls::refused(tested.call);
            live([&] { refuse(error, nth, 1); });
            EXPECT_LE(FakeSystemCalls::refused(tested.call) - refused_before, 1U);
            if (HasFailure()) return;  // one is enough to read
        }
        for (const std::uint64_t first : {std::uint64_t{1}, calls_of_life / 2}) {
            SCOPED_TRACE("refused from call " + std::to_string(first) + " on");
            live([&] { refuse(error, first, FakeSystemCalls::kForever); });
            if (HasFailure()) return;
        }
    }
    const FakeSystemCalls::Sites sites = FakeSystemCalls::sites(tested.call);
    std::printf("%s: %zu errors, %llu lives of %llu calls, refused %llu times, at %zu of %zu places\n",
                tested.name, tested.errors.size(), static_cast<unsigned long long>(lives_),
                static_cast<unsigned long long>(calls_of_life),
                static_cast<unsigned long long>(FakeSystemCalls::refused(tested.call)), sites.refused,
                sites.made);
    if (of_first == calls_of_life) {
        EXPECT_EQ(sites.refused, sites.made) << "a place that makes the call was never refused";
    }
    EXPECT_GE(sites.made, tested.sites) << "a place that makes the call was not reached";
}

}  // namespace
}  // namespace numapool::detail
