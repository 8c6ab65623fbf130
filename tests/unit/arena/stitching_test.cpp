// Owns: checks that idle pages moved together serve long requests without a fault.
// Must not know: threads, pools. Refusals of the system are in stitching_faults_test.cpp.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <random>
#include <vector>

#include "fakes/fake_system_calls.h"
#include "fakes/page_faults.h"
#include "fakes/slow_runs.h"
#include "os/virtual_memory.h"
#include "stitching_fixture.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;
using fakes::page_faults;

TEST_F(Stitching, IdlePagesMoveTogetherWithoutAFault) {
    const std::vector<Extent> live = scatter(arena_, 4, 4 * kMiB);
    const std::size_t held = arena_.committed_bytes();
    ASSERT_EQ(arena_.take_idle_block(13 * kMiB, 64).address, 0U);
    auto block = arena_.take_moved_block(13 * kMiB, 64);
    ASSERT_TRUE(block);
    ASSERT_NE(block->address, 0U);
    EXPECT_TRUE(block->reused());
    EXPECT_TRUE(block->moved);
    EXPECT_EQ(block->zero_until, 0U);
    EXPECT_GE(block->zero_from, block->bytes);
    const long before = page_faults();
    fill(*block, 1);
    EXPECT_EQ(page_faults(), before);
    EXPECT_EQ(arena_.committed_bytes(), held);
    EXPECT_EQ(budget_.committed(), held);
    EXPECT_EQ(arena_.resident_bytes(), held);
    expect_intact(live);
    EXPECT_TRUE(holds(*block, 1));
}

TEST_F(Stitching, OnlyWhatIsMissingIsNew) {
    const std::vector<Extent> live = scatter(arena_, 2, 4 * kMiB);
    const std::size_t held = arena_.committed_bytes();
    const Extent block = take(arena_, 13 * kMiB);
    EXPECT_EQ(block.reused_bytes, 8 * kMiB);
    EXPECT_EQ(arena_.committed_bytes(), held + 6 * kMiB) << "whole granules";
    const Extent rest = arena_.take_idle_block(kMiB, 64);
    EXPECT_EQ(rest.address, block.address + block.bytes);
    EXPECT_EQ(arena_.committed_bytes(), held + 6 * kMiB);
    expect_intact(live);
}

TEST_F(Stitching, TheLimitLetsInWhatFitsAndNothingMore) {
    CommitBudget budget(16 * kMiB + 64 * 1024);
    NodeArena arena(settings(budget));
    const std::vector<Extent> live = scatter(arena, 2, 4 * kMiB);
    auto refused = arena.take_moved_block(14 * kMiB, 64);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.failure().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(budget.committed(), 12 * kMiB);
    expect_intact(live);
    const Extent block = take(arena, 12 * kMiB + 1);
    EXPECT_EQ(budget.committed(), 16 * kMiB + 64 * 1024) << "no room for the rest of the granule";
    put(arena, block);
    EXPECT_EQ(arena.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim), block.bytes);
}

TEST_F(Stitching, VacatedMemoryReadsZeroAndServesAgain) {
    const std::vector<Extent> live = scatter(arena_, 4, 4 * kMiB);
    const Extent stitched = take(arena_, 16 * kMiB);
    fill(stitched, 1);
    for (int i = 0; i < 4; ++i) {
        const Extent block = take(arena_, 4 * kMiB);
        EXPECT_EQ(block.zero_until, block.bytes);
        EXPECT_TRUE(reads_zero(block));
        EXPECT_LT(block.address, stitched.address) << "the places that were left";
        fill(block, 2);
    }
    EXPECT_TRUE(holds(stitched, 1));
    expect_intact(live);
}

TEST_F(Stitching, ALengthenedRunMovesLess) {
    const FakeSystemCalls fake;
    NodeArena arena(settings(budget_));
    ASSERT_TRUE(os::can_remap());
    scatter(arena, 2, 2 * kMiB);
    const Extent last = take_new(arena, 8 * kMiB);
    put(arena, last);
    const std::uint64_t before = FakeSystemCalls::count(Call::kRemap);
    const Extent block = take(arena, 12 * kMiB);
    EXPECT_EQ(block.address, last.address);
    EXPECT_TRUE(block.reused());
    EXPECT_EQ(FakeSystemCalls::count(Call::kRemap) - before, 2U);
}

TEST_F(Stitching, AlignedBlocksAreMovedToAlignedPlaces) {
    scatter(arena_, 4, 4 * kMiB);
    auto block = arena_.take_moved_block(13 * kMiB, 8 * kMiB);
    ASSERT_TRUE(block);
    EXPECT_TRUE(block->reused());
    EXPECT_EQ(block->address % (8 * kMiB), 0U);
}

TEST_F(Stitching, PrefaultedMemoryGoesFirst) {
    ASSERT_TRUE(prefault(arena_, 16 * kMiB));
    const std::vector<Extent> live = scatter(arena_, 1, 8 * kMiB);
    const Extent block = take(arena_, 3 * kMiB);
    EXPECT_FALSE(block.moved);
}

TEST_F(Stitching, SlabsLoseTheirIdleGranulesLast) {
    const std::uint32_t size_class = base::size_class(kMiB);
    AddressRange* slabs = nullptr;
    auto slab = arena_.take_slab_memory(size_class, slabs);
    ASSERT_TRUE(slab);
    ASSERT_TRUE(slabs->purpose != Purpose::kLargeBlock);
    ASSERT_TRUE(arena_.charge_slab(Tier::kMedium, slab->bytes / base::kSliceBytes));
    std::memset(reinterpret_cast<void*>(slab->address), 5, slab->bytes);
    Slab empty{};
    empty.range = slabs;
    empty.base = slab->address;
    empty.shape = base::kClassShapes[size_class];
    const std::size_t slices = slab->bytes / base::kSliceBytes;
    arena_.put_slab_memory(empty, Tier::kMedium, slices, slices);
    const std::vector<Extent> live = scatter(arena_, 2, 4 * kMiB);
    const Extent first = take(arena_, 7 * kMiB);
    EXPECT_TRUE(first.reused());
    EXPECT_EQ(os::resident_bytes(slab->address, slab->bytes), slab->bytes);
    put(arena_, first);
    const Extent second = take(arena_, 11 * kMiB);
    EXPECT_TRUE(second.reused());
    EXPECT_LT(os::resident_bytes(slab->address, slab->bytes), slab->bytes);
    auto again = arena_.take_slab_memory(size_class, slabs);
    ASSERT_TRUE(again);
    expect_intact(live);
}

struct Drift {
    const char* name;
    std::size_t live;
    std::size_t least, most;
    HugePages huge_pages;
};

class DriftingSizes : public Stitching, public testing::WithParamInterface<Drift> {};

INSTANTIATE_TEST_SUITE_P(Sizes, DriftingSizes,
                         testing::Values(Drift{"FewMedium", 12, 2 * kMiB, 9 * kMiB, HugePages::kNever},
                                         Drift{"ManySmall", 30, kMiB + 1, 3 * kMiB, HugePages::kNever},
                                         Drift{"Wide", 8, kMiB + 1, 16 * kMiB, HugePages::kNever},
                                         Drift{"HugePages", 12, 2 * kMiB, 9 * kMiB, HugePages::kAuto}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(DriftingSizes, FaultNoPageTwiceAndStayIntact) {
    const auto [name, live, least, most, huge_pages] = GetParam();
    ArenaSettings with = settings(budget_);
    with.huge_pages = huge_pages;
    NodeArena arena(with);
    std::mt19937_64 random(3);
    std::vector<std::pair<Extent, int>> held;
    std::size_t stitched = 0;
    std::size_t taken = 0;
    for (int step = 0; step < (fakes::kSlowRuns ? 200 : 700); ++step) {
        if (held.size() == live) {
            std::swap(held[random() % live], held.back());
            const auto& [block, value] = held.back();
            // First and last page: a moved page that arrived at the wrong place shows.
            const auto* bytes = reinterpret_cast<const unsigned char*>(block.address);
            ASSERT_EQ(bytes[0], value);
            ASSERT_EQ(bytes[block.bytes - 1], value);
            put(arena, block);
            held.pop_back();
        }
        const Extent block = take(arena, least + random() % (most - least));
        stitched += block.moved;
        const long before = page_faults();
        fill(block, step % 250);
        taken += static_cast<std::size_t>(page_faults() - before);
        held.emplace_back(block, step % 250);
    }
    EXPECT_LE(taken * os::page_bytes(), budget_.peak()) << "no page is faulted twice";
    EXPECT_GT(stitched, 0U);
    EXPECT_TRUE(no_hole(*find_range(held[0].first.address)));
}

/// Where mappings of this process begin inside [begin, end).
std::vector<std::uintptr_t> mapping_starts(std::uintptr_t begin, std::uintptr_t end) {
    std::vector<std::uintptr_t> starts;
    std::FILE* maps = std::fopen("/proc/self/maps", "re");
    if (maps == nullptr) return starts;
    std::array<char, 512> line{};
    while (std::fgets(line.data(), line.size(), maps) != nullptr) {
        std::uintptr_t first = 0;
        std::uintptr_t last = 0;
        if (std::sscanf(line.data(), "%" SCNxPTR "-%" SCNxPTR, &first, &last) == 2 && first > begin &&
            first < end)
            starts.push_back(first);
    }
    std::fclose(maps);
    return starts;
}

/// How many of the mappings' starts inside the range the record does not know.
std::size_t unknown_edges(const AddressRange& range) {
    std::size_t unknown = 0;
    for (const std::uintptr_t start : mapping_starts(range.base, range.address_of(range.slices))) {
        EXPECT_EQ(start % base::kGranuleBytes, 0U);
        const std::size_t granule = (start - range.base) / base::kGranuleBytes;
        unknown += (range.mappings[granule] & kMayBegin) == 0 && start != range.address_of(range.writable);
    }
    return unknown;
}

TEST_F(Stitching, EveryEdgeThatTheKernelHasIsKnown) {
    ArenaSettings with = settings(budget_);
    with.huge_pages = HugePages::kAuto;
    NodeArena arena(with);
    std::mt19937_64 random(5);
    std::vector<Extent> held;
    for (int step = 0; step < (fakes::kSlowRuns ? 200 : 600); ++step) {
        if (held.size() == 12) {
            std::swap(held[random() % held.size()], held.back());
            put(arena, held.back());
            held.pop_back();
        }
        held.push_back(take(arena, kMiB + 1 + random() % (8 * kMiB)));
        fill(held.back(), 1);
        if (step % 100 == 50) arena.release_idle(4 * kMiB, ReleaseScope::kGranules, EvictionCause::kTrim);
        if (step % 20 != 0) continue;
        ASSERT_EQ(unknown_edges(*find_range(held[0].address)), 0U) << "at step " << step;
    }
    EXPECT_GT(moved_edges(), 0U);
}

// F20: what a child makes writable the kernel does not join to what it has of its parent.
TEST_F(Stitching, AForkedChildKnowsItsEdges) {
    const Extent before = take_new(arena_, 6 * kMiB);
    const pid_t child = ::fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
        take_new(arena_, 6 * kMiB);
        const AddressRange& range = *find_range(before.address);
        const bool joined = mapping_starts(range.base, range.address_of(range.writable)).empty();
        ::_exit(unknown_edges(range) != 0 ? 1 : joined ? 2 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "this kernel joins them";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Stitching, NothingMovesUnlessItMay) {
    const FakeSystemCalls fake;
    const std::array<std::int16_t, 2> round{0, 1};
    os::NodeMask both;
    both.add(0);
    both.add(1);
    std::vector<ArenaSettings> fixed(3, settings(budget_));
    fixed[0].movable = false;
    fixed[1].home = PageHome::dealt(both);
    fixed[2].home = PageHome::dealt(both, round);
    for (const ArenaSettings& with : fixed) {
        NodeArena arena(with);
        scatter(arena, 4, 4 * kMiB);
        take(arena, 13 * kMiB);
        EXPECT_EQ(FakeSystemCalls::count(Call::kRemap), 0U);
    }
}

TEST_F(Stitching, MovedMemoryKeepsItsPolicy) {
    const FakeSystemCalls fake;
    ArenaSettings with = settings(budget_);
    with.home = PageHome::on_node(3);
    NodeArena arena(with);
    scatter(arena, 4, 4 * kMiB);
    const Extent block = take(arena, 13 * kMiB);
    EXPECT_TRUE(block.moved);
    EXPECT_EQ(FakeSystemCalls::count(Call::kBind), 1U);
    EXPECT_EQ(arena.check_pages(block.address, block.bytes, false).home, block.bytes / os::page_bytes());
}

}  // namespace
}  // namespace numapool::arena
