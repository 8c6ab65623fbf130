// Owns: where in a range one mapping of the kernel may end and the next begin, how many such edges moved
// pages have made in this process, and which addresses of a range were lost to someone else. Must not know:
// blocks, free runs, why pages are moved.
//
// One system call moves pages of one mapping only, so a record of where mappings may begin is kept, a granule
// fine; it may hold edges that the kernel has merged away, never the reverse.
#pragma once

#include <algorithm>
#include <cstddef>

#include "arena/address_range.h"
#include "base/size_classes.h"

namespace numapool::arena {

/// Bits of AddressRange::mappings for a granule.
enum MappingMark : std::uint8_t {
    kMayBegin = 1,  ///< a mapping may begin here
    kByMove = 2,    ///< because pages were moved; counted over the process
    kLost = 4,      ///< the addresses are not ours any more
};

/// Notes that a mapping may begin at `granule`, which may be the range's end.
/// Thread safety, of the functions that take a range: the arena's lock guards every call.
void mark_edge(AddressRange& range, std::size_t granule, bool by_move) noexcept;

/// Notes that [first, end) is one mapping now, for pages that were moved.
void mark_moved(AddressRange& range, std::size_t first, std::size_t end) noexcept;

/// How many edges made by moving there would be less if [first, end) were mapped anew; 0 if not less.
std::size_t edges_saved(const AddressRange& range, std::size_t first, std::size_t end) noexcept;

/// Granules from `first` on, `most` at most, that surely lie in one mapping.
std::size_t granules_in_one_mapping(const AddressRange& range, std::size_t first, std::size_t most) noexcept;

/// Gives [first, end) up for good: nothing is asked of these addresses any more.
void mark_lost(AddressRange& range, std::size_t first, std::size_t end) noexcept;

/// Takes the range's edges out of the process's count.
void forget_edges(AddressRange& range) noexcept;

/// Calls visit(first, slices) for the parts of [first, first + slices), in slices, that are still ours.
template <class Visit>
void for_each_kept_part(const AddressRange& range, std::size_t first, std::size_t slices, Visit visit) {
    const std::size_t end = first + slices;
    if (!range.lost_some) {
        if (slices != 0) visit(first, slices);
        return;
    }
    const auto lost = [&](std::size_t slice) {
        return (range.mappings[slice / base::kSlicesPerGranule] & kLost) != 0;
    };
    const auto next_granule = [&](std::size_t slice) {
        return std::min(end, (slice / base::kSlicesPerGranule + 1) * base::kSlicesPerGranule);
    };
    while (first < end) {
        while (first < end && lost(first)) first = next_granule(first);
        std::size_t stop = first;
        while (stop < end && !lost(stop)) stop = next_granule(stop);
        if (stop != first) visit(first, stop - first);
        first = stop;
    }
}

/// How many more edges moves may make in the process: all together at most a quarter of the mappings that the
/// system allows it (vm.max_map_count). Any thread.
std::size_t edges_left() noexcept;
/// The system had no room for another mapping: half as many edges from now on. Any thread.
void halve_edges() noexcept;
/// Edges in the process now that moves made. Any thread.
std::size_t moved_edges() noexcept;

/// For tests: the process may have `edges` from now on; kReadEdges: what the system says.
void set_most_edges(std::size_t edges) noexcept;
inline constexpr std::size_t kReadEdges = ~std::size_t{0};

}  // namespace numapool::arena
