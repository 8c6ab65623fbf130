// Owns: checks that idle pages moved together serve long requests without a fault, and that nothing is lost
// where the system refuses. Must not know: threads, pools.
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include "arena/mapping_edges.h"
#include "arena_fixture.h"
#include "fakes/fake_system_calls.h"
#include "os/remapping.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

long faults() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
}

class Stitching : public ArenaFixture {
protected:
    void SetUp() override {
        os::forget_remapping();
        if (!os::can_remap())
            GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    }
    void TearDown() override {
        set_most_edges(kReadEdges);
        os::forget_remapping();
    }

    static void fill(const Extent& block, int value) {
        std::memset(reinterpret_cast<void*>(block.address), value, block.bytes);
    }
    static bool holds(const Extent& block, int value) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(block.address);
        return std::all_of(bytes, bytes + block.bytes, [value](unsigned char byte) { return byte == value; });
    }
    /// A block as the pool takes one.
    static Extent take(NodeArena& arena, std::size_t bytes) {
        Extent idle = arena.take_idle_block(bytes, 64);
        if (idle.address != 0) return idle;
        auto made = arena.take_moved_block(bytes, 64);
        if (made && made->address == 0) made = arena.take_new_block(bytes, 64);
        EXPECT_TRUE(made);
        return made ? *made : Extent{};
    }
    /// Leaves `pieces` idle runs of `bytes` each, kept apart by live blocks of `apart` that hold 7.
    std::vector<Extent> scatter(NodeArena& arena, std::size_t pieces, std::size_t bytes,
                                std::size_t apart = 2 * kMiB) {
        std::vector<Extent> idle;
        std::vector<Extent> live;
        for (std::size_t i = 0; i < pieces; ++i) {
            idle.push_back(take_new(arena, bytes));
            live.push_back(take_new(arena, apart));
            fill(live.back(), 7);
        }
        for (const Extent& block : idle) put(arena, block);
        return live;
    }
    static void expect_intact(const std::vector<Extent>& live) {
        for (const Extent& block : live) EXPECT_TRUE(holds(block, 7));
    }
    /// Whether all addresses of the range up to its writable end are mapped.
    static bool no_hole(const AddressRange& range) {
        unsigned char page = 0;
        for (std::size_t slice = 0; slice < range.writable; ++slice) {
            if (::mincore(reinterpret_cast<void*>(range.address_of(slice)), 1, &page) != 0) return false;
        }
        return true;
    }
};

TEST_F(Stitching, IdlePagesMoveTogetherWithoutAFault) {
    const std::vector<Extent> live = scatter(arena_, 4, 4 * kMiB);
    const std::size_t held = arena_.committed_bytes();
    ASSERT_EQ(arena_.take_idle_block(13 * kMiB, 64).address, 0U);
    auto block = arena_.take_moved_block(13 * kMiB, 64);
    ASSERT_TRUE(block);
    ASSERT_NE(block->address, 0U);
    EXPECT_TRUE(block->reused());
    EXPECT_TRUE(block->moved);
    EXPECT_FALSE(block->zero);
    const long before = faults();
    fill(*block, 1);
    EXPECT_EQ(faults(), before);
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
        EXPECT_TRUE(block.zero);
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
    ASSERT_TRUE(arena_.prefault(16 * kMiB));
    const std::vector<Extent> live = scatter(arena_, 1, 8 * kMiB);
    const Extent block = take(arena_, 3 * kMiB);
    EXPECT_FALSE(block.moved);
}

TEST_F(Stitching, SlabsLoseTheirIdleGranulesLast) {
    const std::uint32_t size_class = base::size_class(kMiB);
    AddressRange* slabs = nullptr;
    auto slab = arena_.take_slab_memory(size_class, slabs);
    ASSERT_TRUE(slab);
    ASSERT_TRUE(slabs->for_slabs);
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
    for (int step = 0; step < 700; ++step) {
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
        const long before = faults();
        fill(block, step % 250);
        taken += static_cast<std::size_t>(faults() - before);
        held.emplace_back(block, step % 250);
    }
    EXPECT_LE(taken * os::page_bytes(), budget_.peak()) << "no page is faulted twice";
    EXPECT_GT(stitched, 5U);
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

TEST_F(Stitching, EveryEdgeThatTheKernelHasIsKnown) {
    ArenaSettings with = settings(budget_);
    with.huge_pages = HugePages::kAuto;
    NodeArena arena(with);
    std::mt19937_64 random(5);
    std::vector<Extent> held;
    for (int step = 0; step < 600; ++step) {
        if (held.size() == 12) {
            std::swap(held[random() % held.size()], held.back());
            put(arena, held.back());
            held.pop_back();
        }
        held.push_back(take(arena, kMiB + 1 + random() % (8 * kMiB)));
        fill(held.back(), 1);
        if (step % 100 == 50) arena.release_idle(4 * kMiB, ReleaseScope::kGranules, EvictionCause::kTrim);
        if (step % 20 != 0) continue;
        const AddressRange& range = *find_range(held[0].address);
        for (const std::uintptr_t start : mapping_starts(range.base, range.address_of(range.slices))) {
            ASSERT_EQ(start % base::kGranuleBytes, 0U);
            const std::size_t granule = (start - range.base) / base::kGranuleBytes;
            EXPECT_TRUE((range.mappings[granule] & kMayBegin) != 0 ||
                        start == range.address_of(range.writable))
                << "granule " << granule << " at step " << step;
        }
    }
    EXPECT_GT(moved_edges(), 0U);
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

// F55
TEST_F(Stitching, F55_WithoutASystemThatMovesNothingChanges) {
    const FakeSystemCalls fake;
    FakeSystemCalls::refuse(Call::kRemap, EINVAL);
    NodeArena arena(settings(budget_));
    const std::vector<Extent> live = scatter(arena, 4, 4 * kMiB);
    for (int i = 0; i < 4; ++i) {
        const Extent block = take(arena, 13 * kMiB);
        EXPECT_FALSE(block.moved);
    }
    EXPECT_EQ(FakeSystemCalls::count(Call::kRemap), 1U) << "tried once, and not on the arena's memory";
    EXPECT_EQ(arena.evicted(EvictionCause::kNotMovable).bytes, 0U);
    expect_intact(live);
}

class RefusedMoves : public Stitching, public testing::WithParamInterface<std::tuple<int, std::uint64_t>> {};

INSTANTIATE_TEST_SUITE_P(Errors, RefusedMoves,
                         testing::Combine(testing::Values(EFAULT, ENOMEM, EINVAL, ENOSYS),
                                          testing::Values(1, 2, 4)));

// F55: the destination is unmapped when the call fails.
TEST_P(RefusedMoves, F55_LeaveNoHoleAndLoseNothing) {
    const auto [error, nth] = GetParam();
    const FakeSystemCalls fake;
    ASSERT_TRUE(os::can_remap());
    NodeArena arena(settings(budget_));
    const std::vector<Extent> live = scatter(arena, 4, 2 * kMiB);
    const std::size_t held = budget_.committed();
    FakeSystemCalls::refuse(Call::kRemap, error, nth, 1);
    FakeSystemCalls::refused_remaps_unmap(true);
    const Extent block = take(arena, 8 * kMiB);
    ASSERT_NE(block.address, 0U);
    EXPECT_EQ(FakeSystemCalls::refused(Call::kRemap), 1U);
    EXPECT_EQ(block.reused_bytes, (nth - 1) * 2 * kMiB);
    EXPECT_EQ(budget_.committed(), held) << "what could not be moved was given back for the new memory";
    EXPECT_EQ(arena.evicted(EvictionCause::kNotMovable).bytes, 8 * kMiB - block.reused_bytes);
    const AddressRange& range = *find_range(block.address);
    EXPECT_TRUE(no_hole(range));
    EXPECT_FALSE(range.lost_some);
    fill(block, 1);
    expect_intact(live);
    put(arena, block);
    const std::uint64_t calls = FakeSystemCalls::count(Call::kRemap);
    const std::vector<Extent> more = scatter(arena, 4, 4 * kMiB);
    take(arena, 25 * kMiB);
    if (error == ENOMEM) {
        EXPECT_EQ(os::remapping_error(), 0);
    } else {
        EXPECT_EQ(FakeSystemCalls::count(Call::kRemap), calls) << "such an error repeats";
        EXPECT_EQ(os::remapping_error(), error);
    }
    expect_intact(live);
    expect_intact(more);
    EXPECT_EQ(arena.committed_bytes(), budget_.committed());
}

// F55: someone else maps memory where the destination was.
TEST_P(RefusedMoves, F55_AddressesThatWereLostAreLeftAlone) {
    const auto [error, nth] = GetParam();
    const FakeSystemCalls fake;
    ASSERT_TRUE(os::can_remap());
    std::uintptr_t lost = 0;
    std::size_t lost_bytes = 0;
    {
        ArenaSettings with = settings(budget_);
        with.home = PageHome::on_node(0);
        NodeArena arena(with);
        const std::vector<Extent> live = scatter(arena, 4, 2 * kMiB);
        const std::size_t held = budget_.committed();
        FakeSystemCalls::refuse(Call::kRemap, error, nth, 1);
        FakeSystemCalls::refused_remaps_unmap(true);
        FakeSystemCalls::refuse_maps_of_free_addresses();
        const Extent block = take(arena, 8 * kMiB);
        ASSERT_NE(block.address, 0U);
        EXPECT_FALSE(block.moved);
        EXPECT_EQ(budget_.committed(), held);
        AddressRange& range = *find_range(block.address);
        EXPECT_TRUE(range.lost_some);
        for (std::size_t granule = 0; granule < range.writable / base::kSlicesPerGranule; ++granule) {
            if ((range.mappings[granule] & kLost) == 0) continue;
            if (lost == 0) lost = range.base + granule * base::kGranuleBytes;
            lost_bytes += base::kGranuleBytes;
        }
        ASSERT_EQ(lost_bytes, 2 * kMiB);
        // That someone, whose memory must stay as it is whatever the arena does.
        ASSERT_NE(::mmap(reinterpret_cast<void*>(lost), lost_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
                  MAP_FAILED);
        std::memset(reinterpret_cast<void*>(lost), 9, lost_bytes);
        FakeSystemCalls::allow_all();
        const std::uint64_t binds = FakeSystemCalls::binds().size();
        arena.ask_home(os::Present::kMove);
        for (std::size_t i = binds; i < FakeSystemCalls::binds().size(); ++i) {
            const auto& bound = FakeSystemCalls::binds()[i];
            EXPECT_TRUE(bound.end <= lost || bound.begin >= lost + lost_bytes);
        }
        const PageCheck check = arena.check_all_pages({});
        EXPECT_EQ(check.present() * os::page_bytes(), arena.resident_bytes()) << "of its own pages only";
        EXPECT_EQ(arena.resident_bytes(), live.size() * 2 * kMiB) << "the new block is not touched yet";
        fill(block, 1);
        std::vector<Extent> more;
        for (int i = 0; i < 40; ++i) {
            more.push_back(take(arena, 5 * kMiB));
            const Extent& last = more.back();
            EXPECT_TRUE(last.address + last.bytes <= lost || last.address >= lost + lost_bytes);
            fill(last, 7);
        }
        expect_intact(live);
        expect_intact(more);
        for (const Extent& each : more) put(arena, each);
        arena.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
        EXPECT_EQ(arena.committed_bytes(), live.size() * 2 * kMiB + block.bytes);
    }
    const auto* foreign = reinterpret_cast<const unsigned char*>(lost);
    EXPECT_TRUE(std::all_of(foreign, foreign + lost_bytes, [](unsigned char byte) { return byte == 9; }));
    EXPECT_EQ(::munmap(reinterpret_cast<void*>(lost), lost_bytes), 0);
    EXPECT_EQ(find_range(lost), nullptr);
}

// F35
TEST_F(Stitching, F35_WithFewMappingsIdleMemoryIsGivenBackInstead) {
    const FakeSystemCalls fake;
    ASSERT_TRUE(os::can_remap());
    set_most_edges(moved_edges() + 6);
    const std::size_t most = moved_edges() + 6;
    NodeArena arena(settings(budget_));
    std::mt19937_64 random(11);
    std::vector<Extent> held;
    std::size_t moved = 0;
    std::size_t peak_live = 0;
    for (int step = 0; step < 500; ++step) {
        if (held.size() == 10) {
            std::swap(held[random() % held.size()], held.back());
            EXPECT_TRUE(holds(held.back(), 7));
            put(arena, held.back());
            held.pop_back();
        }
        held.push_back(take(arena, 2 * kMiB + random() % (8 * kMiB)));
        moved += held.back().moved;
        fill(held.back(), 7);
        EXPECT_LE(moved_edges(), most);
        const std::size_t live =
            std::accumulate(held.begin(), held.end(), std::size_t{0},
                            [](std::size_t sum, const Extent& block) { return sum + block.bytes; });
        peak_live = std::max(peak_live, live);
    }
    EXPECT_GT(moved, 0U) << "as far as the mappings go, pages move";
    EXPECT_GT(arena.evicted(EvictionCause::kNotMovable).bytes, 0U);
    EXPECT_LE(budget_.peak(), peak_live + held.size() * 2 * base::kGranuleBytes);
    EXPECT_EQ(budget_.committed(), arena.committed_bytes());
    EXPECT_TRUE(no_hole(*find_range(held[0].address)));
    expect_intact(held);
}

// F35
TEST_F(Stitching, F35_VacatedMemoryBecomesOneMappingAgain) {
    const FakeSystemCalls fake;
    ASSERT_TRUE(os::can_remap());
    ArenaSettings with = settings(budget_);
    with.home = PageHome::on_node(2);
    NodeArena arena(with);
    const std::vector<Extent> live = scatter(arena, 8, 2 * kMiB);
    const std::size_t before = moved_edges();
    // Eight pieces come to lie side by side, and are given back: the place is vacant then, with all its
    // edges.
    const Extent block = take(arena, 16 * kMiB);
    take_new(arena, 2 * kMiB);
    put(arena, block);
    EXPECT_GE(moved_edges(), before + 8);
    arena.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
    const std::vector<Extent> more = scatter(arena, 2, 20 * kMiB, 4 * kMiB);
    set_most_edges(moved_edges());  // no room for another: the next request makes some
    const std::uint64_t binds = FakeSystemCalls::count(Call::kBind);
    const Extent last = take(arena, 40 * kMiB);
    EXPECT_TRUE(last.moved);
    EXPECT_GT(FakeSystemCalls::count(Call::kBind), binds)
        << "what is mapped anew is asked for its home again";
    EXPECT_TRUE(no_hole(*find_range(last.address)));
    expect_intact(live);
    expect_intact(more);
}

TEST_F(Stitching, RefusedRenewalIsMadeGood) {
    const FakeSystemCalls fake;
    ASSERT_TRUE(os::can_remap());
    NodeArena arena(settings(budget_));
    const std::vector<Extent> live = scatter(arena, 8, 2 * kMiB);
    put(arena, take(arena, 16 * kMiB));
    arena.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
    const std::vector<Extent> more = scatter(arena, 2, 6 * kMiB);
    set_most_edges(moved_edges());
    FakeSystemCalls::refuse(Call::kMap, ENOMEM, 1, 2);
    const Extent block = take(arena, 12 * kMiB);
    ASSERT_NE(block.address, 0U);
    fill(block, 1);
    expect_intact(live);
    expect_intact(more);
    EXPECT_EQ(arena.committed_bytes(), budget_.committed());
    EXPECT_TRUE(no_hole(*find_range(block.address)))
        << "lost addresses are still mapped here: nothing was done";
}

}  // namespace
}  // namespace numapool::arena
