// Owns: checks of presets, ranges and environment variables.
// Must not know: what a pool does with an option.
#include <cstdlib>

#include "pool_case.h"

namespace numapool {
namespace {

/// Sets a variable while it lives.
class Environment {
public:
    Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(Presets, AreWhatTheDocumentationSays) {
    const PoolOptions standard = PoolOptions::for_workload(Workload::kDefault);
    EXPECT_EQ(standard.max_buffers, 32U);
    EXPECT_TRUE(standard.numa_aware);
    EXPECT_TRUE(standard.enable_monitoring);
    EXPECT_EQ(standard.cleanup_threshold, 0.8);
    const PoolOptions inference = PoolOptions::for_workload(Workload::kInference);
    EXPECT_EQ(inference.max_buffers, 64U);
    EXPECT_FALSE(inference.enable_monitoring);
    const PoolOptions training = PoolOptions::for_workload(Workload::kTraining);
    EXPECT_EQ(training.max_buffers, 256U);
    EXPECT_LT(training.cleanup_threshold, standard.cleanup_threshold);
    EXPECT_EQ(PoolOptions::for_workload(Workload::kBatchProcessing).max_buffers, 512U);
    for (const char* word : {"default", "inference", "training", "batch_processing"}) {
        ASSERT_TRUE(parse_workload(word)) << word;
        PoolOptions::for_workload(*parse_workload(word)).validate();
    }
    EXPECT_FALSE(parse_workload("Training"));
}

void expect_refused(const PoolOptions& options, const char* named) {
    try {
        const MemoryPool pool(options);
        FAIL() << named;
    } catch (const ArgumentError& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInvalidOption);
        EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
}

TEST(Ranges, AreCheckedAndNamed) {
    expect_refused({.max_buffers = (std::size_t{1} << 20) + 1}, "max_buffers");
    expect_refused({.cleanup_threshold = 1.5}, "cleanup_threshold");
    expect_refused({.cleanup_threshold = -0.1}, "cleanup_threshold");
    expect_refused({.cleanup_threshold = std::numeric_limits<double>::quiet_NaN()}, "cleanup_threshold");
    expect_refused({.max_bytes = 0}, "max_bytes");
    expect_refused({.idle_decay = std::chrono::milliseconds(-1)}, "idle_decay");
    expect_refused({.idle_decay = std::chrono::hours(24 * 8)}, "idle_decay");
}

TEST(EnvironmentVariables, LowerTheLimit) {
    const Environment variable("NUMAPOOL_MAX_BYTES", "8M");
    EXPECT_EQ(MemoryPool().options().max_bytes, 8 * kMiB);
    EXPECT_EQ(MemoryPool({.max_bytes = kMiB}).options().max_bytes, kMiB) << "the smaller one counts";
    EXPECT_EQ(MemoryPool({.max_bytes = kGiB}).options().max_bytes, 8 * kMiB);
    MemoryPool pool;
    EXPECT_EQ(pool.try_allocate(9 * kMiB), nullptr);
}

TEST(EnvironmentVariables, BytesAreReadWithUnits) {
    const auto read = [](const char* text) {
        const Environment variable("NUMAPOOL_MAX_BYTES", text);
        return PoolOptions().with_environment().max_bytes;
    };
    EXPECT_EQ(read("1000"), 1000U);
    EXPECT_EQ(read("3K"), 3 * kKiB);
    EXPECT_EQ(read("3KiB"), 3 * kKiB);
    EXPECT_EQ(read("5M"), 5 * kMiB);
    EXPECT_EQ(read("2GiB"), 2 * kGiB);
    EXPECT_EQ(read("1T"), 1024 * kGiB);
    EXPECT_EQ(read(""), std::nullopt) << "empty is not set";
    for (const char* wrong : {"many", "-1", "1.5G", "5X", "5 M", "M", "99999999999999999999", "20000000T"}) {
        EXPECT_THROW(read(wrong), ArgumentError) << wrong;
    }
}

TEST(EnvironmentVariables, ReplaceBindAndHugePages) {
    const Environment bind("NUMAPOOL_BIND", "none");
    const Environment pages("NUMAPOOL_HUGE_PAGES", "always");
    const MemoryPool pool({.bind = BindMode::kStrict, .huge_pages = HugePages::kNever});
    EXPECT_EQ(pool.options().bind, BindMode::kNone);
    EXPECT_EQ(pool.options().huge_pages, HugePages::kAlways);
}

TEST(EnvironmentVariables, UnreadableOnesAreNamed) {
    for (const char* name :
         {"NUMAPOOL_BIND", "NUMAPOOL_HUGE_PAGES", "NUMAPOOL_DISABLE", "NUMAPOOL_MAX_BYTES"}) {
        const Environment variable(name, "perhaps");
        expect_refused({}, name);
    }
}

// F58
TEST(EnvironmentVariables, F58_DisableMeansPlainAllocation) {
    const Environment variable("NUMAPOOL_DISABLE", "1");
    MemoryPool pool({.max_bytes = 100 * kMiB});
    EXPECT_TRUE(pool.get_statistics().disabled);
    void* a = pool.allocate(5 * kMiB);
    fill(a, 5 * kMiB, 1);
    Statistics s = pool.get_statistics();
    EXPECT_EQ(s.total_allocations, 1U);
    EXPECT_EQ(s.cache_hits, 0U);
    EXPECT_EQ(s.live_buffers, 1U);
    EXPECT_EQ(s.live_bytes, 5 * kMiB);
    EXPECT_GE(s.peak_memory_bytes, 5 * kMiB);
    pool.deallocate(a);
    pool.deallocate(pool.allocate(5 * kMiB));
    s = pool.get_statistics();
    EXPECT_EQ(s.cache_hits, 0U) << "nothing is reused";
    EXPECT_EQ(s.live_bytes, 0U);
    EXPECT_EQ(pool.try_allocate(101 * kMiB), nullptr) << "a limit is a limit";
    EXPECT_EQ(pool.try_deallocate(a), ErrorCode::kForeignPointer);
}

// F27, F58
TEST(EnvironmentVariables, DisabledPoolsZeroToo) {
    const Environment variable("NUMAPOOL_DISABLE", "1");
    MemoryPool pool;
    for (const bool zeroed : {false, true}) {
        std::vector<void*> blocks;
        for (int i = 0; i < 50; ++i) {
            blocks.push_back(pool.allocate(1000, {.zeroed = zeroed}));
            EXPECT_TRUE(!zeroed || holds(blocks.back(), 1000, 0));
            fill(blocks.back(), 1000, 0x5E);
        }
        for (void* block : blocks) pool.deallocate(block);
    }
}

TEST(EnvironmentVariables, DisableAtZeroIsNotSet) {
    const Environment variable("NUMAPOOL_DISABLE", "0");
    EXPECT_FALSE(MemoryPool().get_statistics().disabled);
}

TEST(Descriptions, CoverEveryOptionOnce) {
    std::vector<std::string> names;
    for (const OptionDescription& row : describe_options()) {
        EXPECT_TRUE(row.name != nullptr || row.environment != nullptr);
        EXPECT_NE(row.values, nullptr);
        EXPECT_NE(row.fallback, nullptr);
        EXPECT_NE(row.meaning, nullptr);
        if (row.name != nullptr) names.emplace_back(row.name);
    }
    for (const char* option :
         {"max_buffers", "numa_aware", "enable_monitoring", "cleanup_threshold", "name", "max_bytes",
          "max_idle_bytes", "bind", "huge_pages", "zero_on_return", "idle_decay"}) {
        EXPECT_EQ(std::count(names.begin(), names.end(), option), 1) << option;
    }
}

TEST(Words, GoThereAndBack) {
    for (const BindMode mode : {BindMode::kNone, BindMode::kAdvisory, BindMode::kStrict}) {
        EXPECT_EQ(parse_bind_mode(to_string(mode)), mode);
    }
    for (const HugePages mode : {HugePages::kAuto, HugePages::kNever, HugePages::kAlways}) {
        EXPECT_EQ(parse_huge_pages(to_string(mode)), mode);
    }
    EXPECT_FALSE(parse_bind_mode("Strict"));
    EXPECT_FALSE(parse_huge_pages(""));
}

}  // namespace
}  // namespace numapool
