// Owns: checks of where pages lie and of aligned allocators, on the machine at hand.
// Must not know: how many nodes it has.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <limits>

#include "pool_case.h"

namespace numapool {
namespace {

std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

class WhereTest : public testing::Test {
protected:
    void SetUp() override {
        int probe = 1;
        const PageMap map = where(&probe, sizeof probe);
        if (map.unknown != 0) GTEST_SKIP() << "this system will not tell where pages lie";
        evidence_ = map.evidence;
    }
    Evidence evidence_ = Evidence::kNone;  ///< the best that this system gives
};

TEST_F(WhereTest, TouchedPagesLieSomewhereAndOthersNowhere) {
    PoolOptions options = steady_options();
    options.huge_pages = HugePages::kNever;
    options.bind = BindMode::kNone;  // where policies are refused, the pool touches new memory itself
    MemoryPool pool(options);
    const Buffer buffer = pool.get_buffer((2 << 20) + 100 * page());  // large ones appear as they are touched
    const std::uint64_t pages = (2 << 20) / page() + 100;
    EXPECT_EQ(where(buffer).absent, pages);
    fill(buffer.data(), 30 * page(), 1);
    const PageMap map = where(buffer);
    EXPECT_EQ(map.total(), pages);
    EXPECT_EQ(map.absent, pages - 30);
    EXPECT_EQ(map.page_bytes, page());
    std::uint64_t present = 0;
    for (const auto& [node, count] : map.pages_on) {
        EXPECT_NE(discover_topology().find(node), nullptr);
        present += count;
    }
    EXPECT_EQ(present, 30U);
    EXPECT_EQ(where(buffer).absent, pages - 30) << "looking does not fault in";
}

TEST_F(WhereTest, CountsEveryPageThatIsOverlapped) {
    MemoryPool pool(steady_options());
    const Buffer buffer = pool.get_buffer(4 * kMiB);
    fill(buffer.data(), buffer.size(), 1);
    auto* start = static_cast<char*>(buffer.data());
    const auto aligned = start + (page() - reinterpret_cast<std::uintptr_t>(start) % page()) % page();
    EXPECT_EQ(where(aligned, 0).total(), 0U);
    EXPECT_EQ(where(aligned, 1).total(), 1U);
    EXPECT_EQ(where(aligned, page() + 1).total(), 2U);
    EXPECT_EQ(where(aligned + page() - 1, 2).total(), 2U);
    EXPECT_EQ(where(aligned, 2000 * 1024).total(), 2000U * 1024U / page()) << "more than one batch";
}

TEST_F(WhereTest, UnmappedPagesAreAbsent) {
    void* mapped = ::mmap(nullptr, 4 * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    ::munmap(mapped, 4 * page());
    EXPECT_EQ(where(mapped, 4 * page()).absent, 4U);
}

TEST(Where, RangesPastTheEndAreRefused) {
    constexpr std::uintptr_t kEnd = std::numeric_limits<std::uintptr_t>::max();
    const auto look = [](std::uintptr_t address, std::size_t bytes) {
        return where(reinterpret_cast<void*>(address), bytes);
    };
    EXPECT_THROW(look(4096, kEnd), ArgumentError);
    EXPECT_THROW(look(kEnd, 1), ArgumentError);
    EXPECT_THROW(look(kEnd - 100, 200), ArgumentError);
    EXPECT_EQ(look(kEnd, 0).total(), 0U);
}

TEST(Where, IsTold) {
    PageMap map;
    EXPECT_EQ(to_string(map), "{}");
    EXPECT_EQ(map.evidence, Evidence::kNone);
    map.pages_on[1] = 4883;
    map.evidence = Evidence::kMappings;
    EXPECT_EQ(to_string(map), "{1: 4883 pages} by mapping");
    map.evidence = Evidence::kPages;
    EXPECT_EQ(to_string(map), "{1: 4883 pages} verified");
    map.pages_on[0] = 1;
    map.absent = 2;
    map.unknown = 3;
    map.evidence = Evidence::kNone;
    EXPECT_EQ(to_string(map), "{0: 1 page, 1: 4883 pages, absent: 2 pages, unknown: 3 pages} unverified");
}

TEST_F(WhereTest, NoPageOfSeveralRangesCountsTwice) {
    MemoryPool pool(steady_options());
    const auto array = pool.get_array<char>({100 * page()}, {.alignment = page()});
    fill(array.data(), array.size(), 1);
    const auto at = [&](std::size_t first_page) { return array.data() + first_page * page(); };
    const ByteRange ranges[] = {{at(50), 2 * page()}, {at(0), 1}, {at(10), 0},    {at(51), 1},
                                {at(50) - 1, 2},      {at(0), 7}, {at(1) - 1, 1}, {at(99), page()}};
    const PageMap map = where(ranges);
    EXPECT_EQ(map.total(), 5U) << "0, 49, 50, 51 and 99";
    EXPECT_EQ(map.absent, 0U);
    EXPECT_EQ(map.evidence, evidence_);
    EXPECT_EQ(where(std::span<const ByteRange>()).total(), 0U);
    const ByteRange wrong[] = {{at(0), 1}, {at(0), std::numeric_limits<std::size_t>::max()}};
    EXPECT_THROW(where(wrong), ArgumentError);
}

TEST_F(WhereTest, TakesArraysBuffersAndSpans) {
    MemoryPool pool(steady_options());
    const auto array = pool.get_array<double>({5, page()});
    fill(array.data(), array.size() * sizeof(double), 1);
    EXPECT_GE(where(array).total(), 5 * sizeof(double));
    EXPECT_EQ(where(array.span()).total(), where(array).total());
    EXPECT_EQ(where(std::span<const double>(array.span()).first(0)).total(), 0U);
    EXPECT_EQ(where(Array<int>()).total(), 0U);
    EXPECT_EQ(where(Buffer()).total(), 0U);
    int local[3] = {1, 2, 3};
    EXPECT_LE(where(std::span(local)).total(), 2U);
}

TEST_F(WhereTest, AnswersForFilesThatAreReadOnly) {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    void* mapped = ::mmap(nullptr, 8 * page(), PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    ASSERT_NE(mapped, MAP_FAILED);
    EXPECT_EQ(where(mapped, 8 * page()).total(), 8U);
    static_cast<void>(*static_cast<const volatile char*>(mapped));
    const PageMap map = where(mapped, page());
    EXPECT_EQ(map.total(), 1U);
    EXPECT_EQ(map.absent, 0U);
    ::munmap(mapped, 8 * page());
    EXPECT_EQ(where(mapped, 8 * page()).absent, 8U);
}

TEST(Placing, OnANodeOfTheMachine) {
    MemoryPool pool(steady_options());
    const NumaOptimizer optimizer(pool);
    for (const int node : optimizer.get_numa_nodes()) {
        const Buffer buffer = pool.get_buffer(3 * kMiB, {.placement = Placement::on_node(node)});
        fill(buffer.data(), buffer.size(), 1);
        EXPECT_EQ(pool.find_block(buffer.data())->placement, Placement::on_node(node));
        const PageMap map = where(buffer);
        if (map.unknown == 0 && map.pages_on.count(node) != 0) {
            EXPECT_EQ(map.pages_on.at(node), map.total());
        }
        EXPECT_EQ(pool.resolve(Placement::on_node(node)), Placement::on_node(node));
    }
    EXPECT_EQ(pool.resolve(Placement::on_node(1000)), std::nullopt);
}

// F06
TEST(Faults, F06_AnUnknownNodeIsRefusedNamingThoseThatAre) {
    MemoryPool pool(steady_options());
    const auto before = figures(pool);
    try {
        static_cast<void>(pool.allocate(100, {.placement = Placement::on_node(777)}));
        FAIL();
    } catch (const ArgumentError& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInvalidNode);
        const std::string message = error.what();
        EXPECT_NE(message.find("777"), std::string::npos);
        const std::string allowed = std::to_string(NumaOptimizer(pool).get_numa_nodes().front());
        EXPECT_NE(message.find(allowed), std::string::npos) << message;
    }
    EXPECT_EQ(figures(pool), before);
}

TEST(Placing, StrictBuffersAreVerifiedOrRefused) {
    PoolOptions options = steady_options();
    options.bind = BindMode::kStrict;
    MemoryPool pool(options);
    for (int round = 0; round < 3; ++round) {
        ErrorCode why = ErrorCode::kOk;
        void* block = pool.try_allocate(2 * kMiB, {}, &why);
        if (block == nullptr) {
            EXPECT_EQ(why, ErrorCode::kPlacementFailed)
                << "where the system will not tell, strict is an error";
            EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
            continue;
        }
        EXPECT_EQ(where(block, 2 * kMiB).absent, 0U);
        pool.deallocate(block);
        for (const NodeStatistics& node : pool.get_statistics().nodes) {
            EXPECT_EQ(node.pages_verified, node.pages_looked_up);
        }
    }
}

TEST(AlignedAllocators, HandOutAlignedArrays) {
    MemoryPool pool(steady_options());
    for (std::size_t alignment = 1; alignment <= 4 * kMiB; alignment *= 4) {
        AlignedAllocator allocator(alignment, pool);
        EXPECT_EQ(allocator.alignment(), alignment);
        std::array<Array<double>, 2> arrays;  // the first one may be where slabs begin
        for (Array<double>& array : arrays) {
            array = allocator.allocate_aligned<double>({3, 5});
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % std::max(alignment, kMinAlignment),
                      0U);
        }
        for (Array<double>& array : arrays) allocator.deallocate_aligned(std::move(array));
    }
    for (const std::size_t wrong : {std::size_t{0}, std::size_t{3}, 2 * kMaxAlignment}) {
        EXPECT_THROW(AlignedAllocator(wrong, pool), ArgumentError);
    }
    EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
}

}  // namespace
}  // namespace numapool
