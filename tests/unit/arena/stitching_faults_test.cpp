// Owns: checks that nothing is lost and service goes on where the system refuses to move pages, or has few
// mappings. Must not know: threads, pools.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>
#include <tuple>
#include <vector>

#include "fakes/fake_system_calls.h"
#include "fakes/slow_runs.h"
#include "os/virtual_memory.h"
#include "stitching_fixture.h"

namespace numapool::arena {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

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
        const std::size_t before = FakeSystemCalls::binds().size();
        arena.ask_home(os::Present::kMove);
        const std::vector<fakes::BoundRange> binds = FakeSystemCalls::binds();
        EXPECT_GT(binds.size(), before);
        for (std::size_t i = before; i < binds.size(); ++i) {
            EXPECT_TRUE(binds[i].end <= lost || binds[i].begin >= lost + lost_bytes);
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
    for (int step = 0; step < (fakes::kSlowRuns ? 100 : 500); ++step) {
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

/// An arena in which eight pieces came to lie side by side and were given back: the place is vacant now, with
/// all its edges, and there is no room for more. 40 MiB are idle elsewhere, in two runs.
class PatchedPlace : public Stitching {
protected:
    void SetUp() override {
        Stitching::SetUp();
        if (IsSkipped()) return;
        const std::size_t before = moved_edges();
        live_ = scatter(patched_, 8, 2 * kMiB);
        const Extent block = take(patched_, 16 * kMiB);
        EXPECT_GE(moved_edges(), before + 8);
        const Extent first = take_new(patched_, 20 * kMiB);
        live_.push_back(take_new(patched_, 4 * kMiB));
        const Extent second = take_new(patched_, 20 * kMiB);
        live_.push_back(take_new(patched_, 4 * kMiB));
        for (const Extent& each : {live_[8], live_[9]}) fill(each, 7);
        put(patched_, block);
        patched_.release_idle(~std::size_t{0}, ReleaseScope::kAll, EvictionCause::kTrim);
        put(patched_, first);
        put(patched_, second);
        set_most_edges(moved_edges());
    }
    static ArenaSettings bound(CommitBudget& budget) {
        ArenaSettings with = settings(budget);
        with.home = PageHome::on_node(2);
        return with;
    }

    const FakeSystemCalls fake_;
    NodeArena patched_{bound(budget_)};
    std::vector<Extent> live_;
};

// F35
TEST_F(PatchedPlace, F35_BecomesOneMappingAgain) {
    const std::uint64_t binds = FakeSystemCalls::count(Call::kBind);
    const Extent last = take(patched_, 40 * kMiB);
    EXPECT_TRUE(last.moved);
    EXPECT_TRUE(last.reused());
    EXPECT_GT(FakeSystemCalls::count(Call::kBind), binds)
        << "what is mapped anew is asked for its home again";
    EXPECT_TRUE(no_hole(*find_range(last.address)));
    expect_intact(live_);
}

// F35
TEST_F(PatchedPlace, F35_IsLeftAloneWhereThatIsRefused) {
    FakeSystemCalls::refuse(Call::kMap, ENOMEM, 1, 2);
    const std::size_t held = budget_.committed();
    const Extent last = take(patched_, 40 * kMiB);
    ASSERT_NE(last.address, 0U);
    EXPECT_TRUE(find_range(last.address)->lost_some);
    EXPECT_LE(budget_.committed(), held);
    fill(last, 1);
    expect_intact(live_);
    EXPECT_EQ(patched_.committed_bytes(), budget_.committed());
    EXPECT_TRUE(no_hole(*find_range(last.address))) << "what is lost is still mapped: nothing was done to it";
}

}  // namespace
}  // namespace numapool::arena
