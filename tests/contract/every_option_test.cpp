// Owns: what every pool does, whatever its options: one suite, run once for each kind of pool.
// Must not know: what a single option changes; that is checked elsewhere.
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "pool_case.h"

namespace numapool {
namespace {

struct Variant {
    const char* name;
    std::function<void(PoolOptions&)> change;
};

const Variant kVariants[] = {
    {"Default", [](PoolOptions&) {}},
    {"NotNumaAware", [](PoolOptions& o) { o.numa_aware = false; }},
    {"Unmonitored", [](PoolOptions& o) { o.enable_monitoring = false; }},
    {"MaxIdleBytes", [](PoolOptions& o) { o.max_idle_bytes = 4 * kMiB; }},
    {"MaxBytes", [](PoolOptions& o) { o.max_bytes = 256 * kMiB; }},
    {"ZeroOnReturn", [](PoolOptions& o) { o.zero_on_return = true; }},
    {"HugePagesNever", [](PoolOptions& o) { o.huge_pages = HugePages::kNever; }},
    {"HugePagesAlways", [](PoolOptions& o) { o.huge_pages = HugePages::kAlways; }},
    {"NoBuffersKept", [](PoolOptions& o) { o.max_buffers = 0; }},
    {"OneBufferKept", [](PoolOptions& o) { o.max_buffers = 1; }},
    {"BindNone", [](PoolOptions& o) { o.bind = BindMode::kNone; }},
    {"DecaysAtOnce", [](PoolOptions& o) { o.idle_decay = std::chrono::milliseconds(0); }},
    {"Disabled", [](PoolOptions&) {}},  // F58
    {"Checked", [](PoolOptions&) {}},
};

class EveryOption : public testing::TestWithParam<Variant> {
protected:
    void SetUp() override {
        if (disabled()) ::setenv("NUMAPOOL_DISABLE", "1", 1);
        ::setenv("NUMAPOOL_CHECK", checked() ? "1" : "0", 1);
        PoolOptions options = steady_options();
        GetParam().change(options);
        pool_ = std::make_unique<MemoryPool>(options);
    }
    void TearDown() override {
        if (pool_ != nullptr) expect_consistent(pool_->get_statistics());
        pool_.reset();
        ::unsetenv("NUMAPOOL_DISABLE");
        ::setenv("NUMAPOOL_CHECK", "0", 1);
    }
    bool checked() const { return std::string(GetParam().name) == "Checked"; }
    bool disabled() const { return std::string(GetParam().name) == "Disabled"; }
    MemoryPool& pool() { return *pool_; }

    std::unique_ptr<MemoryPool> pool_;
};

INSTANTIATE_TEST_SUITE_P(Pools, EveryOption, testing::ValuesIn(kVariants),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(EveryOption, EverySizeIsWritableAndComesBack) {
    for (const std::size_t bytes : kSizes) {
        void* block = pool().allocate(bytes);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % kMinAlignment, 0U);
        fill(block, bytes, 0x5A);
        EXPECT_TRUE(holds(block, bytes, 0x5A));
        const auto info = pool().find_block(block);
        ASSERT_TRUE(info);
        EXPECT_GE(info->bytes, bytes);
        pool().deallocate(block);
        EXPECT_FALSE(pool().find_block(block));
    }
    const Statistics s = pool().get_statistics();
    EXPECT_EQ(s.total_allocations, std::size(kSizes));
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes, 0U);
}

TEST_P(EveryOption, LiveBlocksNeverOverlap) {
    std::mt19937 random(7);
    struct Held {
        void* block;
        std::size_t bytes;
        int stamp;
    };
    std::vector<Held> held;
    for (int step = 0; step < 3000; ++step) {
        if (held.size() < 40 && random() % 2 == 0) {
            const std::size_t bytes = std::size_t{1} << random() % 21;
            const int stamp = static_cast<int>(random() % 255) + 1;
            void* block = pool().allocate(bytes);
            fill(block, bytes, stamp);
            held.push_back({block, bytes, stamp});
        } else if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            ASSERT_TRUE(holds(held.back().block, held.back().bytes, held.back().stamp));
            pool().deallocate(held.back().block);
            held.pop_back();
        }
        if (step % 500 == 0) expect_consistent(pool().get_statistics());
        if (step % 700 == 0) pool().trim(kMiB);
    }
    EXPECT_EQ(pool().get_statistics().live_buffers, held.size());
    for (const Held& each : held) {
        EXPECT_TRUE(holds(each.block, each.bytes, each.stamp));
        pool().deallocate(each.block);
    }
    EXPECT_EQ(pool().get_statistics().live_bytes, 0U);
}

// F27
TEST_P(EveryOption, F27_ZeroedMeansZeroAfterAnyDirt) {
    std::mt19937 random(11);
    for (int round = 0; round < 20; ++round) {
        std::vector<std::pair<void*, std::size_t>> dirty;
        for (int i = 0; i < 6; ++i) {
            const std::size_t bytes = kSizes[random() % std::size(kSizes)];
            dirty.emplace_back(pool().allocate(bytes), bytes);
            fill(dirty.back().first, bytes, 0xFF);
        }
        for (const auto& [block, bytes] : dirty) pool().deallocate(block);
        if (round % 5 == 0) pool().trim(random() % (4 * kMiB));
        std::vector<void*> clean;
        for (int i = 0; i < 6; ++i) {
            const std::size_t bytes = kSizes[random() % std::size(kSizes)];
            clean.push_back(pool().allocate(bytes, {.zeroed = true}));
            ASSERT_TRUE(holds(clean.back(), bytes, 0)) << bytes << " bytes in round " << round;
        }
        for (void* block : clean) pool().deallocate(block);
    }
}

TEST_P(EveryOption, AlignmentIsWhatWasAskedFor) {
    for (std::size_t alignment = 1; alignment <= 4 * kMiB; alignment *= 2) {
        for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, 5000 * kKiB / 100, 3 * kMiB}) {
            std::vector<void*> blocks;
            for (int i = 0; i < 3; ++i) {
                blocks.push_back(pool().allocate(bytes, {.alignment = alignment}));
                EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()) % alignment, 0U) << alignment;
                fill(blocks.back(), bytes, 1);
            }
            for (void* block : blocks) pool().deallocate(block);
        }
    }
    for (const std::size_t wrong : {std::size_t{0}, std::size_t{3}, std::size_t{96}, 2 * kMaxAlignment}) {
        ErrorCode why = ErrorCode::kOk;
        EXPECT_EQ(pool().try_allocate(100, {.alignment = wrong}, &why), nullptr);
        EXPECT_EQ(why, ErrorCode::kInvalidAlignment) << wrong;
    }
}

// F03
TEST_P(EveryOption, F03_ZeroBytesAreABlockOrAnEmptyBuffer) {
    void* block = pool().allocate(0);
    ASSERT_NE(block, nullptr);
    pool().deallocate(block);
    const auto before = figures(pool());
    Buffer empty = pool().get_buffer(0);
    EXPECT_FALSE(empty);
    EXPECT_TRUE(empty.empty());
    Array<double> none = pool().get_array<double>({0, 3});
    EXPECT_EQ(none.size(), 0U);
    EXPECT_EQ(none.shape(), (Shape{0, 3}));
    pool().return_buffer(std::move(empty));
    pool().return_array(std::move(none));
    pool().deallocate(nullptr);
    EXPECT_EQ(figures(pool()), before) << "no block, not counted";
    const Array<double> scalar = pool().get_array<double>(Shape{});
    EXPECT_EQ(scalar.size(), 1U);
}

// F02
TEST_P(EveryOption, F02_SizesThatCannotExistAreRefused) {
    pool().deallocate(pool().allocate(2 * kMiB));
    pool().deallocate(pool().allocate(2 * kMiB));  // the block is where the shortest path looks first
    const auto before = figures(pool());
    for (const std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} - 63, std::size_t{1} << 63}) {
        ErrorCode why = ErrorCode::kOk;
        EXPECT_EQ(pool().try_allocate(bytes, {}, &why), nullptr) << bytes;
        EXPECT_EQ(why, ErrorCode::kInvalidSize);
        EXPECT_THROW(static_cast<void>(pool().allocate(bytes)), std::invalid_argument);
    }
    EXPECT_THROW(static_cast<void>(pool().get_array<double>({std::size_t{1} << 40, std::size_t{1} << 40})),
                 ArgumentError);
    EXPECT_EQ(figures(pool()), before);
}

// F09
TEST_P(EveryOption, F09_ASecondReturnIsToldAndChangesNothing) {
    if (checked()) GTEST_SKIP() << "where all blocks are watched it ends the process: FencingDeathTest";
    for (const std::size_t bytes : kSizes) {
        void* other = pool().allocate(bytes);  // keeps the memory from being merged or given back
        void* block = pool().allocate(bytes);
        pool().deallocate(block);
        const auto before = figures(pool());
        const ErrorCode code = pool().try_deallocate(block);
        EXPECT_NE(code, ErrorCode::kOk) << bytes;
        EXPECT_THROW(pool().deallocate(block), ArgumentError);
        EXPECT_EQ(figures(pool()), before);
        pool().deallocate(other);
    }
}

// F08, F23
TEST_P(EveryOption, F08_ForeignAndInteriorPointersAreRefused) {
    if (checked()) GTEST_SKIP() << "where all blocks are watched it ends the process: FencingDeathTest";
    int local = 0;
    const auto heap = std::make_unique<char[]>(100);
    for (const std::size_t bytes : kSizes) {
        if (bytes < 2) continue;
        auto* block = static_cast<char*>(pool().allocate(bytes));
        fill(block, bytes, 3);
        const auto before = figures(pool());
        void* const wrong[] = {&local,
                               heap.get(),
                               reinterpret_cast<void*>(~std::uintptr_t{0}),
                               reinterpret_cast<void*>(std::uintptr_t{8}),
                               block + 1,
                               block + bytes / 2,
                               block + bytes - 1};
        for (void* pointer : wrong) {
            const ErrorCode code = pool().try_deallocate(pointer);
            EXPECT_TRUE(code == ErrorCode::kForeignPointer || code == ErrorCode::kInteriorPointer)
                << to_string(code);
            EXPECT_FALSE(pool().find_block(pointer));
        }
        EXPECT_EQ(pool().try_deallocate(&local), ErrorCode::kForeignPointer);
        EXPECT_EQ(figures(pool()), before);
        EXPECT_TRUE(holds(block, bytes, 3));
        pool().deallocate(block);
    }
}

// F13
TEST_P(EveryOption, F13_AnotherPoolsBlockIsRefusedAndStaysLive) {
    if (checked()) GTEST_SKIP() << "where all blocks are watched it ends the process: FencingDeathTest";
    MemoryPool other(steady_options());
    for (const std::size_t bytes : kSizes) {
        void* block = other.allocate(bytes);
        const auto before = figures(pool());
        const auto before_other = figures(other);
        EXPECT_EQ(pool().try_deallocate(block), ErrorCode::kWrongPool);
        EXPECT_FALSE(pool().find_block(block));
        Buffer buffer(block, bytes);
        EXPECT_THROW(pool().return_buffer(std::move(buffer)), ArgumentError);
        EXPECT_EQ(buffer.data(), block) << "the buffer keeps what is not ours";
        EXPECT_EQ(figures(pool()), before);
        EXPECT_EQ(figures(other), before_other);
        other.return_buffer(std::move(buffer));
        EXPECT_EQ(other.get_statistics().live_buffers, 0U);
    }
}

// F15
TEST_P(EveryOption, F15_ADroppedBufferComesBackAndIsCounted) {
    {
        const Buffer dropped = pool().get_buffer(100 * kKiB);
    }
    {
        const Array<float> dropped = pool().get_array<float>({100, 100});
    }
    pool().return_buffer(pool().get_buffer(100));
    const Statistics s = pool().get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.auto_returns, disabled() ? 0U : 2U);
}

// F14
TEST_P(EveryOption, F14_BuffersOutliveTheirPool) {
    std::vector<Buffer> buffers;
    for (const std::size_t bytes : kSizes) {
        buffers.push_back(pool().get_buffer(bytes));
        fill(buffers.back().data(), bytes, 9);
    }
    pool().close();
    EXPECT_TRUE(pool().closed());
    pool().close();
    ErrorCode why = ErrorCode::kOk;
    EXPECT_EQ(pool().try_allocate(64, {}, &why), nullptr);
    EXPECT_EQ(why, ErrorCode::kClosed);
    EXPECT_THROW(static_cast<void>(pool().get_buffer(64)), ClosedError);
    EXPECT_EQ(pool().get_statistics().live_buffers, std::size(kSizes));
    EXPECT_EQ(pool().get_statistics().idle_bytes >= 64 * kMiB, false);
    pool().return_buffer(std::move(buffers.back()));  // works on a closed pool too
    buffers.pop_back();
    pool_.reset();
    for (const Buffer& buffer : buffers) EXPECT_TRUE(holds(buffer.data(), buffer.size(), 9));
    void* second = buffers.front().data();
    buffers.clear();
    EXPECT_NE(return_block(second), ErrorCode::kOk) << "the pool is gone and its blocks with it";
}

TEST_P(EveryOption, AnyThreadMayReturnAnyBlock) {
    std::vector<void*> blocks;
    for (int i = 0; i < 200; ++i)
        blocks.push_back(pool().allocate(kSizes[std::size_t(i) % std::size(kSizes)]));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < blocks.size(); i += 4) pool().deallocate(blocks[i]);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const Statistics s = pool().get_statistics();
    EXPECT_EQ(s.live_buffers, 0U);
    EXPECT_EQ(s.live_bytes, 0U);
    EXPECT_EQ(s.total_allocations, 200U);
}

TEST_P(EveryOption, TrimLeavesNothingIdleAndThePoolGoesOn) {
    std::vector<void*> blocks;
    for (const std::size_t bytes : kSizes) blocks.push_back(pool().allocate(bytes));
    for (void* block : blocks) pool().deallocate(block);
    pool().trim();
    const Statistics s = pool().get_statistics();
    EXPECT_EQ(s.idle_bytes, 0U);
    EXPECT_EQ(s.memory_usage_bytes, 0U);
    EXPECT_EQ(pool().resident_bytes(), 0U);
    for (const TierStatistics& tier : s.tiers) EXPECT_EQ(tier.idle_buffers, 0U);
    EXPECT_EQ(pool().trim(), 0U);
    pool().deallocate(pool().allocate(kMiB));
}

TEST_P(EveryOption, InitializeIsOptionalAndIdempotent) {
    pool().initialize();
    pool().initialize(2 * kMiB);
    const std::uint64_t usage = pool().get_statistics().memory_usage_bytes;
    pool().initialize(2 * kMiB);
    EXPECT_EQ(pool().get_statistics().memory_usage_bytes, usage);
    expect_consistent(pool().get_statistics());
    pool().deallocate(pool().allocate(kMiB));
    pool().close();
    EXPECT_THROW(pool().initialize(), ClosedError);
}

TEST_P(EveryOption, OptionsInForceCanBeRead) {
    EXPECT_FALSE(pool().options().name.empty()) << "a pool without a name is given one";
    EXPECT_EQ(pool().get_statistics().name, pool().options().name);
    EXPECT_EQ(pool().get_statistics().monitoring, pool().options().enable_monitoring);
    EXPECT_EQ(pool().get_statistics().disabled, disabled());
}

TEST_P(EveryOption, UnknownNodesAreRefusedWhereNodesMatter) {
    ErrorCode why = ErrorCode::kOk;
    void* block = pool().try_allocate(100, {.placement = Placement::on_node(1000)}, &why);
    if (pool().options().numa_aware) {
        EXPECT_EQ(block, nullptr);
        EXPECT_EQ(why, ErrorCode::kInvalidNode);
    } else {
        EXPECT_NE(block, nullptr);
        pool().deallocate(block);
    }
}

}  // namespace
}  // namespace numapool
