// Owns: checks that zeroed requests read zero however memory came to them, and are not written if nobody had
// it. Must not know: which part of the pool keeps which memory; a new way to recycle memory is a new path
// below.
#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/placement.h"

#include "os/virtual_memory.h"
#include "played_pool.h"

namespace numapool::detail {
namespace {

constexpr unsigned char kDirt = 0xD7;

bool all_bytes_are(const void* memory, std::size_t bytes, unsigned char value) {
    const auto* at = static_cast<const unsigned char*>(memory);
    return bytes == 0 || (at[0] == value && std::memcmp(at, at + 1, bytes - 1) == 0);
}

/// A pool whose memory goes every way that there is, dirtied by whoever holds it. Each path is one way.
class DirtyPool {
public:
    DirtyPool(const PoolOptions& options, unsigned seed)
        : pool_(options, "numa:2 core:1 pu:1"), random_(seed) {}
    DirtyPool(const DirtyPool&) = delete;
    DirtyPool& operator=(const DirtyPool&) = delete;
    ~DirtyPool() { return_all(); }

    /// Takes a random path and then asks for a few buffers, some of them zeroed.
    void step();
    /// How often each path was taken, and what was seen on it.
    const std::map<std::string, int>& taken() const { return taken_; }

private:
    struct Held {
        void* block;
        std::size_t bytes;  ///< of the block
    };
    struct Path {
        const char* name;
        void (DirtyPool::*take)();
    };
    static const Path kPaths[];

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    std::size_t any_size() {
        switch (below(4)) {
            case 0:
                return 1 + below(kKiB);
            case 1:
                return kKiB + below(60 * kKiB);
            case 2:
                return 60 * kKiB + below(kMiB - 60 * kKiB);
            default:
                return kMiB + 1 + below(4 * kMiB);
        }
    }
    Request any_request() {
        Request request{.zeroed = below(2) == 0};
        request.placement = below(8) == 0 ? Placement::interleave(std::vector{0, 1})
                                          : Placement::on_node(static_cast<int>(below(2)));
        if (below(8) == 0) request.alignment = std::size_t{4096} << below(10);
        if (below(16) == 0) request.bind = BindMode::kStrict;
        return request;
    }
    void* ask(std::size_t bytes, const Request& request);
    void give(std::size_t index) {
        PlayedPool::give(held_[index].block);
        held_[index] = held_.back();
        held_.pop_back();
    }
    void note(const char* what) { ++taken_[what]; }
    std::uint32_t in_milliseconds(std::uint32_t later) const {
        return static_cast<std::uint32_t>(os::coarse_milliseconds()) + later;
    }
    /// Runs `work` while the system will not take memory back.
    template <class Work>
    void unreleased(Work work) {
        FakeSystemCalls::refuse_advice(MADV_DONTNEED, EINVAL);
        const std::uint64_t before = FakeSystemCalls::refused(Call::kAdvise);
        work();
        if (FakeSystemCalls::refused(Call::kAdvise) != before) note("memory was not taken back");
        FakeSystemCalls::allow_all();
    }

    // The paths.
    void return_some() {
        for (std::size_t left = below(8); left != 0 && !held_.empty(); --left) give(below(held_.size()));
    }
    void return_all() {
        while (!held_.empty()) give(held_.size() - 1);
    }
    void lend_to_a_thread() {  // slots and magazines of a thread that lives on while this one asks, then ends
        std::vector<Held> lent;
        std::swap(lent, held_);
        std::jthread([&] {
            for (const Held& each : lent) PlayedPool::give(each.block);
            for (int i = 0; i < 8; ++i) ask(any_size(), any_request());
            return_some();
        }).join();
    }
    void trim() { pool_->trim(below(2) == 0 ? 0 : below(32 * kMiB), EvictionCause::kTrim); }
    void decay() { pool_->decay(in_milliseconds(1'800'000), 1'000'000); }
    void decay_wholly() { pool_->decay(in_milliseconds(7'200'000), 500); }
    void keep_what_is_not_taken_back() {
        unreleased([&] { below(2) == 0 ? trim() : decay_wholly(); });
    }
    void prefault() { static_cast<void>(pool_->initialize(below(24 * kMiB))); }
    void prefault_refused() {
        FakeSystemCalls::refuse(Call::kAdvise, ENOMEM, 1 + below(4), 1 + below(6));
        if (!pool_->initialize(16 * kMiB + below(24 * kMiB))) note("a prefault was refused");
        FakeSystemCalls::allow_all();
    }
    void refuse_strict() {
        const int full = static_cast<int>(below(2));
        FakeSystemCalls::fill_node(full, 1 - full);
        const Request request{.placement = Placement::on_node(full), .bind = BindMode::kStrict};
        for (int i = 0; i < 3; ++i) {
            if (pool_.get(any_size(), request) == nullptr) note("a strict request was refused");
        }
        FakeSystemCalls::fill_node(-1, -1);
    }
    void refuse_strict_unreleased() {
        unreleased([&] { refuse_strict(); });
    }
    void refuse_growth() {
        FakeSystemCalls::refuse(Call::kProtect, ENOMEM);
        for (int i = 0; i < 4; ++i) ask(any_size(), any_request());
        FakeSystemCalls::allow_all();
    }
    void refill_slabs() {  // of one class, until slabs come and go
        const std::size_t bytes = 1 + below(below(2) == 0 ? 4 * kKiB : 300 * kKiB);
        const Placement node = Placement::on_node(static_cast<int>(below(2)));
        const std::size_t first = held_.size();
        for (int i = 0; i < 40; ++i) ask(bytes, {.placement = node, .zeroed = below(2) == 0});
        while (held_.size() > first) give(held_.size() - 1);
    }

    FakeSystemCalls fake_;
    PlayedPool pool_;
    std::mt19937_64 random_;
    std::vector<Held> held_;
    std::map<std::string, int> taken_;
};

const DirtyPool::Path DirtyPool::kPaths[] = {
    {"return some", &DirtyPool::return_some},
    {"return all", &DirtyPool::return_all},
    {"lend to a thread", &DirtyPool::lend_to_a_thread},
    {"trim", &DirtyPool::trim},
    {"decay", &DirtyPool::decay},
    {"decay wholly", &DirtyPool::decay_wholly},
    {"keep what is not taken back", &DirtyPool::keep_what_is_not_taken_back},
    {"prefault", &DirtyPool::prefault},
    {"prefault, refused", &DirtyPool::prefault_refused},
    {"refuse a strict request", &DirtyPool::refuse_strict},
    {"refuse a strict request, unreleased", &DirtyPool::refuse_strict_unreleased},
    {"refuse growth", &DirtyPool::refuse_growth},
    {"refill slabs", &DirtyPool::refill_slabs},
};

void* DirtyPool::ask(std::size_t bytes, const Request& request) {
    const Statistics before = pool_->statistics();
    void* block = pool_.get(bytes, request);
    if (block == nullptr) return nullptr;
    const std::size_t block_bytes = pool_->find_block(block)->bytes;
    const Statistics after = pool_->statistics();
    if (request.zeroed) {
        EXPECT_TRUE(all_bytes_are(block, bytes, 0)) << bytes << " bytes";
        const std::uint64_t reused = after.bytes_reused - before.bytes_reused;
        const bool grew = after.memory_usage_bytes > before.memory_usage_bytes;
        if (reused == block_bytes) {
            note("zeroed, reused");
        } else if (block_bytes > kMiB) {
            note(reused != 0 ? "zeroed, part reused" : grew ? "zeroed, vacant" : "zeroed, prefaulted");
        }
    }
    std::memset(block, kDirt, block_bytes);
    held_.push_back({block, block_bytes});
    return block;
}

void DirtyPool::step() {
    const Path& path = kPaths[below(std::size(kPaths))];
    note(path.name);
    (this->*path.take)();
    for (std::size_t left = below(6); left != 0; --left) ask(any_size(), any_request());
    while (held_.size() > 60) give(below(held_.size()));
}

struct Kind {
    const char* name;
    PoolOptions options;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

const Kind kinds[] = {
    {"Default", {}},
    {"FewBuffers", {.max_buffers = 2}},
    {"FewIdleBytes", {.max_idle_bytes = 24 * kMiB}},
};

class KnownZero : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Pools, KnownZero, testing::ValuesIn(kinds),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(KnownZero, ZeroedBuffersReadZeroWhicheverWayMemoryCame) {
    PoolOptions options = GetParam().options;
    options.idle_decay = std::chrono::hours(1);  // so only decay at made-up times finds anything to do
    std::map<std::string, int> taken;
    for (const unsigned seed : {1U, 2U, 3U}) {
        DirtyPool pool(options, seed);
        for (int i = 0; i < 250; ++i) {
            pool.step();
            ASSERT_FALSE(HasFailure()) << "seed " << seed << ", step " << i;
        }
        for (const auto& [name, times] : pool.taken()) taken[name] += times;
    }
    for (const char* seen :
         {"zeroed, reused", "zeroed, part reused", "zeroed, vacant", "zeroed, prefaulted",
          "memory was not taken back", "a prefault was refused", "a strict request was refused"}) {
        EXPECT_GE(taken[seen], 10) << seen;
    }
    for (const auto& [name, times] : taken) RecordProperty(name, times);
}

class Untouched : public testing::Test {
protected:
    static PoolOptions options() {
        PoolOptions result = quiet_options();
        result.huge_pages = HugePages::kNever;
        return result;
    }
    static Request zeroed() { return {.zeroed = true}; }
    FakeSystemCalls fake_;
};

TEST_F(Untouched, AZeroedRequestOfVacantMemoryMakesNoPage) {
    PlayedPool pool(options(), "numa:1 core:2 pu:1");
    void* block = pool.get(64 * kMiB, zeroed());
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(pool->resident_bytes(), 0U);
    PlayedPool::give(block);
}

// Marks are put into the memory from outside, as no program could: whatever wrote zeros over it would take
// them away.
TEST_F(Untouched, AZeroedRequestOfPrefaultedMemoryWritesNothing) {
    PlayedPool pool(options(), "numa:1 core:2 pu:1");
    ASSERT_TRUE(pool->initialize(32 * kMiB));
    for (const fakes::PopulatedRange& range : FakeSystemCalls::populates()) {
        std::memset(reinterpret_cast<void*>(range.begin), kDirt, range.end - range.begin);
    }
    for (const std::size_t bytes : {100UL, 20 * kKiB, 700 * kKiB, 3 * kMiB, 16 * kMiB}) {
        void* block = pool.get(bytes, zeroed());
        ASSERT_NE(block, nullptr);
        EXPECT_TRUE(all_bytes_are(block, bytes, kDirt)) << bytes << " bytes were written";
        PlayedPool::give(block);
        void* again = pool.get(bytes, zeroed());
        EXPECT_TRUE(all_bytes_are(again, bytes, 0)) << "returned once, they have to be";
        PlayedPool::give(again);
    }
    EXPECT_EQ(pool->statistics().memory_usage_bytes, 32 * kMiB);
}

TEST_F(Untouched, OfABlockThatIsPartVacantOnlyTheReusedPartIsWritten) {
    PlayedPool pool(options(), "numa:1 core:2 pu:1");
    void* first = pool.get(8 * kMiB);
    std::memset(first, kDirt, 8 * kMiB);
    PlayedPool::give(first);
    void* longer = pool.get(24 * kMiB, zeroed());
    ASSERT_EQ(longer, first) << "the idle block, lengthened";
    EXPECT_EQ(pool->resident_bytes(), 8 * kMiB);
    EXPECT_TRUE(all_bytes_are(longer, 24 * kMiB, 0));
    PlayedPool::give(longer);
}

}  // namespace
}  // namespace numapool::detail
