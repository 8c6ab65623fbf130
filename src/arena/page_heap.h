// Owns: the free runs of one arena's ranges: finding the best fit, splitting, coalescing.
// Must not know: locks, system calls, limits; what a taken run is used for.
//
// Runs lie in segregated bins, eight for each doubling of their length, of which the first that can hold a
// request is searched for the tightest fit; boundary entries in the slice table make coalescing O(1) (Knuth,
// TAOCP 1, 2.5).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "arena/address_range.h"
#include "arena/slice_entry.h"
#include "base/bits.h"

namespace numapool::arena {

struct Run {
    AddressRange* range = nullptr;
    std::size_t first = 0;  ///< slice index in the range
    std::size_t slices = 0;
    RunKind kind = RunKind::kVacant;

    std::uintptr_t address() const noexcept { return range->address_of(first); }
    std::size_t bytes() const noexcept { return slices * base::kSliceBytes; }
    std::size_t end() const noexcept { return first + slices; }
    std::uintptr_t address_behind() const noexcept { return range->address_of(end()); }
    /// The part that whole granules make up.
    Run whole_granules() const noexcept {
        const std::size_t begin = base::align_up(first, base::kSlicesPerGranule);
        const std::size_t stop = std::max(begin, base::align_down(end(), base::kSlicesPerGranule));
        return {range, begin, stop - begin, kind};
    }
};

/// Two neighbouring runs to be used as one.
struct JoinedRun {
    Run idle;
    Run vacant;

    Run whole() const noexcept {
        return {idle.range, std::min(idle.first, vacant.first), idle.slices + vacant.slices,
                RunKind::kVacant};
    }
};

/// Whether a run longer than what is wanted may be cut.
enum class Fit { kAny, kSnug };

/// Thread safety: none; the arena's lock guards every call.
class PageHeap {
public:
    void add_range(AddressRange* range) noexcept;
    AddressRange* ranges() const noexcept { return ranges_; }

    /// The best fitting run of `kind` of at least `slices`, its start a multiple of `align` slices (a power
    /// of two), in a range for that purpose; only prefaulted memory, which the user asked for without saying
    /// what for, serves every purpose that its range's units allow. What is longer is split off and stays
    /// free; a snug fit leaves nothing to split off. The run's entries are cleared.
    std::optional<Run> take(RunKind kind, std::size_t slices, std::size_t align,
                            Purpose purpose = Purpose::kLargeBlock, Fit fit = Fit::kAny) noexcept;

    /// `slices` never used before, from the end of the first range for that purpose that has them; kind is
    /// kVacant.
    std::optional<Run> take_fresh(std::size_t slices, std::size_t align,
                                  Purpose purpose = Purpose::kLargeBlock) noexcept;

    /// An idle run too short by itself, with as much of the vacant or never used memory next to it as makes
    /// `slices`; of several the one with the longest idle part. Of ranges for large blocks only.
    std::optional<JoinedRun> take_joined(std::size_t slices) noexcept;

    /// The same for memory to be moved to: the idle run, then vacant memory to the end of its last granule.
    /// All that is idle can be had without a fault but for what the run's own last granule lacks, so a run
    /// that ends inside a granule will do only if the idle granules elsewhere do not make up for it.
    std::optional<JoinedRun> take_lengthened(std::size_t slices) noexcept;

    /// Slices in idle granules that are whole, of all ranges.
    std::size_t whole_idle_slices() const noexcept;

    /// How many slices right behind the run are vacant or never used.
    static std::size_t vacant_behind(const Run& run) noexcept;
    /// Takes the first `slices` of them.
    Run take_behind(const Run& run, std::size_t slices) noexcept;
    /// The vacant memory right before the run, back to the start of the granule that the run begins in,
    /// taken; and the same behind it, never used memory too. None of a run that begins or ends with a
    /// granule.
    Run take_granule_before(const Run& run) noexcept;
    Run take_granule_behind(const Run& run) noexcept;
    /// Takes what was never used up to `end`.
    Run take_unused(AddressRange& range, std::size_t end) noexcept;

    /// Takes a busy run out whole.
    void take_busy(const Run& run) noexcept { clear_edges(run); }

    /// Takes [first, first + slices) out of the free run `run`, of which it is a part; the rest stays free.
    Run take_part(const Run& run, std::size_t first, std::size_t slices) noexcept;

    /// Makes `run` free as what its kind says, merged with free neighbours of the same kind. A vacant run at
    /// the end of the used part of its range becomes unused again.
    void put(Run run) noexcept;

    /// Makes the free run `run` one of another kind, merged as put does.
    void change_kind(Run run, RunKind kind) noexcept {
        unlink(run);
        run.kind = kind;
        put(run);
    }

    /// The first free run of `kind` in some order, and the one after `run`; put and take end the order.
    std::optional<Run> first(RunKind kind) const noexcept;
    std::optional<Run> after(const Run& run) const noexcept;

    std::size_t free_bytes(RunKind kind) const noexcept { return bytes_[static_cast<std::size_t>(kind)]; }

private:
    static constexpr std::size_t kBins =
        std::size_t{8} * 24;  ///< runs of up to 2^26 slices, 4 TiB, and beyond in the last

    struct Bins {
        std::array<std::uintptr_t, kBins> head{};
        std::array<std::uint64_t, kBins / 64> occupied{};
    };

    static std::size_t bin_of(std::size_t slices) noexcept;
    Bins& bins(RunKind kind) noexcept { return bins_[static_cast<std::size_t>(kind)]; }
    const Bins& bins(RunKind kind) const noexcept { return bins_[static_cast<std::size_t>(kind)]; }
    std::optional<std::size_t> next_occupied(RunKind kind, std::size_t bin) const noexcept;
    static Run run_at(std::uintptr_t address) noexcept;
    void link(const Run& run) noexcept;
    void unlink(const Run& run) noexcept;
    /// The vacant run right before the run, if it has `wanted` slices; else one of none.
    static Run vacant_before(const Run& run, std::size_t wanted) noexcept;
    static void clear_edges(const Run& run) noexcept;

    AddressRange* ranges_ = nullptr;
    std::array<Bins, kSearchableKinds> bins_{};
    std::array<std::size_t, kSearchableKinds> bytes_{};
};

}  // namespace numapool::arena
