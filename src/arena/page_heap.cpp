// Owns: the bins and boundary entries behind page_heap.h.
// Must not know: locks, system calls, limits.
#include "arena/page_heap.h"

#include <algorithm>
#include <bit>

#include "base/bits.h"

namespace numapool::arena {
namespace {

/// Whether the range's marks can tell apart what is made for the purpose.
bool serves(const AddressRange& range, Purpose purpose) noexcept {
    return purpose != Purpose::kFineSlab || range.unit_shift == kFineUnitShift;
}

bool serves_large(const Run& run) noexcept { return run.range->purpose == Purpose::kLargeBlock; }

}  // namespace

void PageHeap::add_range(AddressRange* range) noexcept {
    range->next = ranges_;
    ranges_ = range;
}

std::size_t PageHeap::bin_of(std::size_t slices) noexcept {
    if (slices < 16) return slices;
    const unsigned doubling = base::floor_log2(slices);
    return std::min<std::size_t>(16 + (doubling - 4) * 8 + (slices >> (doubling - 3) & 7), kBins - 1);
}

std::optional<std::size_t> PageHeap::next_occupied(RunKind kind, std::size_t bin) const noexcept {
    const auto& words = bins(kind).occupied;
    for (std::size_t word = bin / 64; word < words.size(); ++word) {
        const std::uint64_t bits =
            word == bin / 64 ? words[word] & (~std::uint64_t{0} << bin % 64) : words[word];
        if (bits != 0) return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    }
    return std::nullopt;
}

Run PageHeap::run_at(std::uintptr_t address) noexcept {
    AddressRange* range = find_range(address);
    const std::size_t first = range->index_of(address);
    const SliceEntry entry = range->entry(first);
    return {range, first, entry.slices(), entry.kind()};
}

void PageHeap::link(const Run& run) noexcept {
    run.range->set_entry(run.first, SliceEntry::free_run(run.slices, run.kind));
    run.range->set_entry(run.first + run.slices - 1, SliceEntry::free_run(run.slices, run.kind));
    if (run.kind == RunKind::kBusy) return;
    Bins& bins = this->bins(run.kind);
    const std::size_t bin = bin_of(run.slices);
    const std::uintptr_t head = bins.head[bin];
    run.range->links[run.first] = {0, head};
    if (head != 0) {
        const Run second = run_at(head);
        second.range->links[second.first].previous = run.address();
    }
    bins.head[bin] = run.address();
    bins.occupied[bin / 64] |= std::uint64_t{1} << bin % 64;
    bytes_[static_cast<std::size_t>(run.kind)] += run.bytes();
}

void PageHeap::clear_edges(const Run& run) noexcept {
    run.range->set_entry(run.first, SliceEntry());
    run.range->set_entry(run.first + run.slices - 1, SliceEntry());
}

void PageHeap::unlink(const Run& run) noexcept {
    clear_edges(run);
    if (run.kind == RunKind::kBusy) return;
    Bins& bins = this->bins(run.kind);
    const std::size_t bin = bin_of(run.slices);
    const RunLinks links = run.range->links[run.first];
    if (links.next != 0) {
        const Run next = run_at(links.next);
        next.range->links[next.first].previous = links.previous;
    }
    if (links.previous != 0) {
        const Run previous = run_at(links.previous);
        previous.range->links[previous.first].next = links.next;
    } else {
        bins.head[bin] = links.next;
        if (links.next == 0) bins.occupied[bin / 64] &= ~(std::uint64_t{1} << bin % 64);
    }
    bytes_[static_cast<std::size_t>(run.kind)] -= run.bytes();
}

std::optional<Run> PageHeap::take(RunKind kind, std::size_t slices, std::size_t align, Purpose purpose,
                                  Fit fit) noexcept {
    const auto fits = [&](const Run& run) {
        if (run.range->purpose != purpose && (kind != RunKind::kPrefaulted || !serves(*run.range, purpose)))
            return false;
        return base::align_up(run.first, align) + slices <= run.first + run.slices;
    };
    std::optional<Run> best;
    for (auto bin = next_occupied(kind, bin_of(slices)); bin && !best; bin = next_occupied(kind, *bin + 1)) {
        for (std::uintptr_t at = bins(kind).head[*bin]; at != 0;) {
            const Run run = run_at(at);
            if (fits(run) && (!best || run.slices < best->slices)) best = run;
            if (best && best->slices == slices) break;
            at = run.range->links[run.first].next;
        }
    }
    if (!best) return std::nullopt;
    const std::size_t first = base::align_up(best->first, align);
    if (fit == Fit::kSnug && best->slices != slices) return std::nullopt;
    return take_part(*best, first, slices);
}

Run PageHeap::take_part(const Run& run, std::size_t first, std::size_t slices) noexcept {
    unlink(run);
    const std::size_t end = first + slices;
    const std::size_t run_end = run.first + run.slices;
    if (first > run.first) link({run.range, run.first, first - run.first, run.kind});
    if (end < run_end) link({run.range, end, run_end - end, run.kind});
    return {run.range, first, slices, run.kind};
}

std::optional<Run> PageHeap::take_fresh(std::size_t slices, std::size_t align, Purpose purpose) noexcept {
    for (AddressRange* range = ranges_; range != nullptr; range = range->next) {
        if (range->purpose != purpose) continue;
        const std::size_t first = base::align_up(range->fresh, align);
        if (first > range->slices || slices > range->slices - first) continue;
        const std::size_t gap = first - range->fresh;
        const std::size_t gap_start = range->fresh;
        range->fresh = first + slices;
        if (gap != 0) put({range, gap_start, gap, RunKind::kVacant});
        return Run{range, first, slices, RunKind::kVacant};
    }
    return std::nullopt;
}

std::size_t PageHeap::vacant_behind(const Run& run) noexcept {
    const AddressRange* range = run.range;
    const std::size_t end = run.first + run.slices;
    if (end == range->fresh) return range->slices - end;
    const SliceEntry behind = range->entry(end);
    return behind.is_free_run() && behind.kind() == RunKind::kVacant ? behind.slices() : 0;
}

Run PageHeap::take_unused(AddressRange& range, std::size_t end) noexcept {
    const std::size_t first = range.fresh;
    range.fresh = end;
    return {&range, first, end - first, RunKind::kVacant};
}

Run PageHeap::take_behind(const Run& run, std::size_t slices) noexcept {
    AddressRange* range = run.range;
    const std::size_t end = run.first + run.slices;
    if (end == range->fresh) return take_unused(*range, end + slices);
    return take_part({range, end, vacant_behind(run), RunKind::kVacant}, end, slices);
}

Run PageHeap::take_granule_before(const Run& run) noexcept {
    const std::size_t begun = run.first - base::align_down(run.first, base::kSlicesPerGranule);
    const Run before = begun == 0 ? Run{} : vacant_before(run, 1);
    const std::size_t slices = std::min(before.slices, begun);
    return slices == 0 ? Run{} : take_part(before, run.first - slices, slices);
}

Run PageHeap::take_granule_behind(const Run& run) noexcept {
    const std::size_t left = base::align_up(run.end(), base::kSlicesPerGranule) - run.end();
    const std::size_t slices = left == 0 ? 0 : std::min(vacant_behind(run), left);
    return slices == 0 ? Run{} : take_behind(run, slices);
}

Run PageHeap::vacant_before(const Run& run, std::size_t wanted) noexcept {
    const SliceEntry before = run.first == 0 ? SliceEntry() : run.range->entry(run.first - 1);
    const bool vacant = before.is_free_run() && before.kind() == RunKind::kVacant;
    if (!vacant || before.slices() < wanted) return {};
    return {run.range, run.first - before.slices(), before.slices(), RunKind::kVacant};
}

std::optional<JoinedRun> PageHeap::take_joined(std::size_t slices) noexcept {
    Run best;
    for (auto idle = first(RunKind::kIdle); idle; idle = after(*idle)) {
        if (!serves_large(*idle) || idle->slices >= slices || idle->slices <= best.slices) continue;
        const std::size_t wanted = slices - idle->slices;
        if (vacant_behind(*idle) >= wanted || vacant_before(*idle, wanted).slices != 0) best = *idle;
    }
    if (best.slices == 0) return std::nullopt;
    const std::size_t wanted = slices - best.slices;
    unlink(best);
    if (vacant_behind(best) >= wanted) return JoinedRun{best, take_behind(best, wanted)};
    return JoinedRun{best, take_part(vacant_before(best, wanted), best.first - wanted, wanted)};
}

std::size_t PageHeap::whole_idle_slices() const noexcept {
    std::size_t slices = 0;
    for (auto run = first(RunKind::kIdle); run; run = after(*run)) slices += run->whole_granules().slices;
    return slices;
}

std::optional<JoinedRun> PageHeap::take_lengthened(std::size_t slices) noexcept {
    const std::size_t whole = whole_idle_slices();
    Run best;
    const auto wanted_behind = [&](const Run& idle) {
        const std::size_t end = idle.end();
        return base::align_up(idle.first + slices, base::kSlicesPerGranule) - end;
    };
    for (auto idle = first(RunKind::kIdle); idle; idle = after(*idle)) {
        if (!serves_large(*idle) || idle->slices >= slices || idle->slices <= best.slices) continue;
        const std::size_t lack = slices - idle->slices;
        const std::size_t elsewhere = whole - idle->whole_granules().slices;
        const std::size_t end = idle->end();
        const std::size_t begun = base::align_up(end, base::kSlicesPerGranule) - end;
        if (std::min(begun, lack) > lack - std::min(lack, elsewhere)) continue;
        if (vacant_behind(*idle) >= wanted_behind(*idle)) best = *idle;
    }
    if (best.slices == 0) return std::nullopt;
    unlink(best);
    return JoinedRun{best, take_behind(best, wanted_behind(best))};
}

void PageHeap::put(Run run) noexcept {
    AddressRange* range = run.range;
    if (run.kind != RunKind::kBusy) {
        if (run.first > 0) {
            const SliceEntry before = range->entry(run.first - 1);
            if (before.is_free_run() && before.kind() == run.kind) {
                const Run neighbour{range, run.first - before.slices(), before.slices(), run.kind};
                unlink(neighbour);
                run = {range, neighbour.first, neighbour.slices + run.slices, run.kind};
            }
        }
        const std::size_t end = run.first + run.slices;
        if (end < range->fresh) {
            const SliceEntry behind = range->entry(end);
            if (behind.is_free_run() && behind.kind() == run.kind) {
                unlink({range, end, behind.slices(), run.kind});
                run.slices += behind.slices();
            }
        }
    }
    if (run.kind == RunKind::kVacant && run.first + run.slices == range->fresh) {
        range->fresh = run.first;
        return;
    }
    link(run);
}

std::optional<Run> PageHeap::first(RunKind kind) const noexcept {
    const auto bin = next_occupied(kind, 0);
    if (!bin) return std::nullopt;
    return run_at(bins(kind).head[*bin]);
}

std::optional<Run> PageHeap::after(const Run& run) const noexcept {
    if (const std::uintptr_t next = run.range->links[run.first].next; next != 0) return run_at(next);
    const auto bin = next_occupied(run.kind, bin_of(run.slices) + 1);
    if (!bin) return std::nullopt;
    return run_at(bins(run.kind).head[*bin]);
}

}  // namespace numapool::arena
