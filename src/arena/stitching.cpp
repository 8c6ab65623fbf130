// Owns: an arena's way to long blocks when only short idle runs are left: moving pages together.
// Must not know: threads, other nodes, whether a request could be served otherwise.
//
// Whatever is moved is busy meanwhile, its source as well as its destination: no one else can take it, merge
// with it or see it half done. docs/design/memory.md tells why it is done this way.
#include <algorithm>
#include <cerrno>

#include "arena/mapping_edges.h"
#include "arena/node_arena.h"
#include "arena/patchwork.h"
#include "os/remapping.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using base::kGranuleBytes;
using base::kSliceBytes;
using base::kSlicesPerGranule;

// Less than the step in which ranges are reserved: no other range ever fits in where addresses were lost.
constexpr std::size_t kMostAtOnce = (std::size_t{512} << 20) / kGranuleBytes;
constexpr std::size_t kEdgesOfMove = 2;

std::size_t granule_of(std::size_t slice) noexcept { return slice / kSlicesPerGranule; }

}  // namespace

bool NodeArena::may_move() const noexcept {
    // Which node a part of interleaved memory is on is the point of it: such memory stays where it is.
    return settings_.movable && settings_.home.alike() && os::can_remap();
}

base::Result<Extent> NodeArena::take_moved_block(std::size_t bytes, std::size_t alignment) noexcept {
    if (!may_move()) return Extent{};
    const std::size_t slices = (bytes + kSliceBytes - 1) / kSliceBytes;
    const std::size_t align = alignment <= kSliceBytes ? 1 : alignment / kSliceBytes;
    Patchwork work;
    {
        const std::lock_guard lock(mutex_);
        // Prefaulted memory costs neither faults nor moves.
        if (const auto run = heap_.take(RunKind::kPrefaulted, slices, align)) return live_extent(*run, 0, 0);
        work.slices = slices;
        auto begun = begin(work, slices, align);
        if (!begun) return begun.failure();
        if (!*begun) return Extent{};
    }
    if (fill(work)) return finish(work);
    {
        const std::lock_guard lock(mutex_);
        dissolve(work);
    }
    release_unmoved(slices);
    return Extent{};
}

base::Result<bool> NodeArena::begin(Patchwork& work, std::size_t slices, std::size_t align) noexcept {
    std::optional<JoinedRun> joined = align == 1 ? heap_.take_lengthened(slices) : std::nullopt;
    if (joined) {
        work.whole = joined->whole();
        work.idle = joined->idle.slices;
    } else {
        if (heap_.whole_idle_slices() == 0) return false;
        const std::size_t granules = base::align_up(slices, kSlicesPerGranule);
        align = std::max(align, kSlicesPerGranule);
        std::optional<Run> run = heap_.take(RunKind::kVacant, granules, align);
        if (!run) run = heap_.take_fresh(granules, align);
        if (!run) return false;
        work.whole = *run;
    }
    if (const int error = make_writable(work.whole); error != 0) {
        work.for_each_part([&](const Run& part) { heap_.put(part); });
        return base::Failure{ErrorCode::kOutOfMemory, error, slices * kSliceBytes, 0};
    }
    set_aside(work.whole);
    return true;
}

bool NodeArena::fill(Patchwork& work) noexcept {
    while (work.next() < work.block_end()) {
        Segments pieces;
        std::size_t count = 0;
        if (edges_left() < kEdgesOfMove) map_patched_anew();
        const bool possible = os::can_remap() && edges_left() >= kEdgesOfMove;
        if (possible) {
            const std::lock_guard lock(mutex_);
            count = select_movable(work, pieces);
            if (count == 0) return true;
        }
        if (possible && move(work, pieces, count) == 0) continue;
        if (work.lost != 0) return false;
        release_unmoved(work.block_end() - work.next());
        return true;
    }
    return true;
}

void NodeArena::release_unmoved(std::size_t slices) noexcept {
    // New memory takes its place: the arena does not grow.
    release_idle(slices * kSliceBytes, ReleaseScope::kGranules, EvictionCause::kNotMovable);
}

std::size_t NodeArena::select_movable(const Patchwork& work, Segments& pieces) noexcept {
    const std::size_t most_pieces = std::min(pieces.size(), edges_left() / kEdgesOfMove);
    std::size_t left = granule_of(work.whole.end() - work.next());
    std::size_t count = 0;
    // Granules of ranges for slabs come last: slabs may want them back.
    for (const bool slabs : {false, true}) {
        for (auto run = heap_.first(RunKind::kIdle); run && count < most_pieces && left != 0;) {
            const auto next = heap_.after(*run);
            const Run whole = run->whole_granules();
            if (whole.slices != 0 && (run->range->purpose != Purpose::kLargeBlock) == slabs) {
                std::size_t granule = granule_of(whole.first);
                const std::size_t end = granule + std::min(left, granule_of(whole.slices));
                while (granule < end && count < most_pieces) {
                    const std::size_t granules =
                        granules_in_one_mapping(*run->range, granule, std::min(end - granule, kMostAtOnce));
                    pieces[count++] = {run->range, granule * kSlicesPerGranule, granules * kSlicesPerGranule,
                                       RunKind::kIdle};
                    granule += granules;
                }
                const std::size_t taken = granule * kSlicesPerGranule - whole.first;
                heap_.take_part(*run, whole.first, taken);
                left -= granule_of(taken);
            }
            run = next;
        }
    }
    for (std::size_t i = 0; i < count; ++i) set_aside(pieces[i]);
    return count;
}

int NodeArena::move(Patchwork& work, const Segments& pieces, std::size_t count) noexcept {
    AddressRange& range = *work.whole.range;
    const std::size_t first = work.next();
    std::size_t to = first;
    std::size_t done = 0;
    int error = 0;
    for (; done < count; ++done) {
        error = os::remap(pieces[done].address(), range.address_of(to), pieces[done].bytes());
        if (error != 0) break;
        to += pieces[done].slices;
    }
    bool kept = true;
    if (error != 0) {
        kept = os::map_if_free(range.address_of(to), pieces[done].bytes()) == 0;
        if (error == ENOMEM) {
            halve_edges();
        } else {
            os::stop_remapping(error);
        }
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0, at = first; i < count; at += pieces[i++].slices) {
        if (i < done) enter_moved(pieces[i], range, at);
        Run busy = pieces[i];
        busy.kind = RunKind::kBusy;
        heap_.change_kind(busy, i < done ? RunKind::kVacant : RunKind::kIdle);
    }
    aside_ -= count;
    work.moved += to - first;
    if (error != 0 && kept) enter_mapped_anew(range, to, pieces[done].slices);
    if (!kept) {
        work.lost = pieces[done].slices;
        mark_lost(range, granule_of(to), granule_of(to + work.lost));
    }
    return error;
}

void NodeArena::enter_moved(const Run& from, AddressRange& range, std::size_t first) noexcept {
    const std::size_t source = granule_of(from.first);
    const std::size_t target = granule_of(first);
    const std::size_t granules = granule_of(from.slices);
    std::copy_n(from.range->huge_advised + source, granules, range.huge_advised + target);
    std::copy_n(from.range->idle_since + source, granules, range.idle_since + target);
    mark_moved(range, target, target + granules);
}

void NodeArena::enter_mapped_anew(AddressRange& range, std::size_t first, std::size_t slices) noexcept {
    const std::size_t granule = granule_of(first);
    const std::size_t granules = granule_of(slices);
    std::fill_n(range.huge_advised + granule, granules, std::uint8_t{0});
    mark_moved(range, granule, granule + granules);
    if (asked_home()) ask_home(range, first, first + slices, os::Present::kStay);
    if (settings_.huge_pages != HugePages::kAuto) {
        os::advise_huge_pages(range.address_of(first), slices * kSliceBytes,
                              settings_.huge_pages == HugePages::kAlways);
    }
}

base::Result<Extent> NodeArena::finish(const Patchwork& work) noexcept {
    const std::lock_guard lock(mutex_);
    const Run block{work.whole.range, work.whole.first, work.slices, RunKind::kIdle};
    Run rest{work.whole.range, work.block_end(), work.whole.end() - work.block_end(), RunKind::kIdle};
    const std::size_t reused = work.reused();
    const std::size_t missing = work.slices - reused;
    // A granule that is partly new is taken whole, unless only the part fits the limit: one that is idle here
    // and vacant there could not be moved again.
    const bool moved_at_end = work.moved_first() <= work.block_end() && work.next() == work.whole.end();
    const bool new_at_end = missing != 0 && !moved_at_end;
    std::size_t fresh = missing + (new_at_end ? rest.slices : 0);
    if (!settings_.budget->charge(fresh * kSliceBytes)) {
        if (!new_at_end || !settings_.budget->charge(missing * kSliceBytes)) {
            dissolve(work);
            return base::Failure{ErrorCode::kLimitExceeded, 0, block.bytes(), settings_.budget->limit()};
        }
        fresh = missing;
        rest.kind = RunKind::kVacant;
    }
    heap_.take_busy(work.whole);
    --aside_;
    if (rest.slices != 0) heap_.put(rest);
    if (missing != 0) {
        advise_huge(block);
        commit(fresh * kSliceBytes);
    } else {
        credits_.consume(block.bytes());
    }
    credits_.shrink(heap_.free_bytes(RunKind::kIdle));
    Extent made = live_extent(block, reused * kSliceBytes, 0);
    made.zero_from = work.reused_end() * kSliceBytes;  // what was moved may lie behind a gap
    made.moved = work.moved != 0;
    return made;
}

void NodeArena::dissolve(const Patchwork& work) noexcept {
    heap_.take_busy(work.whole);
    --aside_;
    work.for_each_part([&](const Run& part) { heap_.put(part); });
}

std::size_t NodeArena::select_patched(Segments& stretches) noexcept {
    std::size_t count = 0;
    const auto take = [&](const Run& vacant, auto take_out) {
        const Run whole = vacant.whole_granules();
        const std::size_t first = granule_of(whole.first);
        if (edges_saved(*whole.range, first, first + granule_of(whole.slices)) == 0) return;
        take_out();
        if (whole.first != vacant.first)
            heap_.put({vacant.range, vacant.first, whole.first - vacant.first, RunKind::kVacant});
        if (whole.end() != vacant.end())
            heap_.put({vacant.range, whole.end(), vacant.end() - whole.end(), RunKind::kVacant});
        stretches[count++] = whole;
    };
    for (auto run = heap_.first(RunKind::kVacant); run && count < stretches.size();) {
        const auto next = heap_.after(*run);
        take(*run, [&] { heap_.take_part(*run, run->first, run->slices); });
        run = next;
    }
    for (AddressRange* range = heap_.ranges(); range != nullptr && count < stretches.size();
         range = range->next) {
        if (range->fresh >= range->writable) continue;
        const Run unused{range, range->fresh, range->writable - range->fresh, RunKind::kVacant};
        take(unused, [&] { heap_.take_unused(*range, range->writable); });
    }
    for (std::size_t i = 0; i < count; ++i) set_aside(stretches[i]);
    return count;
}

void NodeArena::map_patched_anew() noexcept {
    for (;;) {
        Segments stretches;
        std::size_t count = 0;
        {
            const std::lock_guard lock(mutex_);
            count = select_patched(stretches);
        }
        if (count == 0) return;
        for (std::size_t i = 0; i < count; ++i) {
            Run run = stretches[i];
            const bool kept = os::map_anew(run.address(), run.bytes()) == 0 ||
                              os::map_if_free(run.address(), run.bytes()) == 0;
            const std::lock_guard lock(mutex_);
            --aside_;
            if (!kept) {
                mark_lost(*run.range, granule_of(run.first), granule_of(run.end()));
                continue;  // it stays busy, out of everyone's reach
            }
            enter_mapped_anew(*run.range, run.first, run.slices);
            run.kind = RunKind::kBusy;
            heap_.change_kind(run, RunKind::kVacant);
        }
    }
}

}  // namespace numapool::arena
