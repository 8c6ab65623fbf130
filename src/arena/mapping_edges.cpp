// Owns: the record behind mapping_edges.h.
// Must not know: blocks, free runs, why pages are moved.
#include "arena/mapping_edges.h"

#include <atomic>

#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

// Relaxed throughout: figures that guard no other memory.
std::atomic<std::size_t> edges{0};
std::atomic<std::size_t> most_edges{kReadEdges};

std::size_t limit() noexcept {
    std::size_t most = most_edges.load(std::memory_order_relaxed);
    if (most != kReadEdges) return most;
    const std::size_t read = os::mapping_share();
    return most_edges.compare_exchange_strong(most, read, std::memory_order_relaxed) ? read : most;
}

void clear_edge(AddressRange& range, std::size_t granule) noexcept {
    std::uint8_t& mark = range.mappings[granule];
    if ((mark & kByMove) != 0) edges.fetch_sub(1, std::memory_order_relaxed);
    mark &= kLost;
}

std::size_t granules_of(const AddressRange& range) noexcept { return range.slices / base::kSlicesPerGranule; }

}  // namespace

void mark_edge(AddressRange& range, std::size_t granule, bool by_move) noexcept {
    if (granule == granules_of(range)) return;  // ranges are mappings of their own
    std::uint8_t& mark = range.mappings[granule];
    if (by_move && (mark & kByMove) == 0) {
        edges.fetch_add(1, std::memory_order_relaxed);
        mark |= kByMove;
    }
    mark |= kMayBegin;
}

void mark_moved(AddressRange& range, std::size_t first, std::size_t end) noexcept {
    for (std::size_t granule = first + 1; granule < end; ++granule) clear_edge(range, granule);
    mark_edge(range, first, true);
    mark_edge(range, end, true);
}

std::size_t edges_saved(const AddressRange& range, std::size_t first, std::size_t end) noexcept {
    const auto by_move = [&](std::size_t granule) {
        return granule < granules_of(range) && (range.mappings[granule] & kByMove) != 0;
    };
    std::size_t inside = 0;
    for (std::size_t granule = first + 1; granule < end; ++granule) inside += by_move(granule);
    const std::size_t at_ends = !by_move(first) + (end < granules_of(range) && !by_move(end));
    return inside - std::min(inside, at_ends);
}

std::size_t granules_in_one_mapping(const AddressRange& range, std::size_t first, std::size_t most) noexcept {
    std::size_t granules = 1;
    while (granules < most && (range.mappings[first + granules] & kMayBegin) == 0) ++granules;
    return granules;
}

void mark_lost(AddressRange& range, std::size_t first, std::size_t end) noexcept {
    for (std::size_t granule = first; granule < end; ++granule) {
        clear_edge(range, granule);
        range.mappings[granule] |= kLost;
    }
    mark_edge(range, end, true);
    range.lost_some = true;
}

void forget_edges(AddressRange& range) noexcept {
    // The last one may lie at the end of what is writable.
    const std::size_t end = std::min(granules_of(range), range.writable / base::kSlicesPerGranule + 1);
    for (std::size_t granule = 0; granule < end; ++granule) clear_edge(range, granule);
}

std::size_t edges_left() noexcept {
    const std::size_t most = limit();
    return most - std::min(most, moved_edges());
}

void halve_edges() noexcept {
    const std::size_t now = std::min(limit(), moved_edges());
    most_edges.store(now / 2, std::memory_order_relaxed);
}

std::size_t moved_edges() noexcept { return edges.load(std::memory_order_relaxed); }

void set_most_edges(std::size_t most) noexcept { most_edges.store(most, std::memory_order_relaxed); }

}  // namespace numapool::arena
