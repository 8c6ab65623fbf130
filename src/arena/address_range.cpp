// Owns: reserving ranges and the owner table.
// Must not know: blocks.
#include "arena/address_range.h"

#include <algorithm>
#include <new>

#include "arena/mapping_edges.h"
#include "arena/node_arena.h"
#include "base/bits.h"
#include "os/memory_tools.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

struct Records {
    std::size_t links, idle_since, huge_advised, mappings, total;  // offsets in bytes
};

// The range's struct comes first, then its tables.
constexpr std::size_t kEntriesOffset = base::align_up(sizeof(AddressRange), 64);

constexpr unsigned unit_shift(Purpose purpose) noexcept {
    return purpose == Purpose::kCoarseSlab ? kCoarseUnitShift : kFineUnitShift;
}

std::size_t mark_bytes(std::size_t slices, unsigned unit_shift) noexcept {
    return base::align_up(slices * base::kSliceBytes >> unit_shift, os::page_bytes());
}

Records lay_out(std::size_t slices) noexcept {
    const std::size_t granules = slices / base::kSlicesPerGranule;
    Records records{};
    records.links = kEntriesOffset + slices * sizeof(std::uint64_t);
    records.idle_since = records.links + slices * sizeof(RunLinks);
    records.huge_advised = records.idle_since + granules * sizeof(std::uint32_t);
    records.mappings = records.huge_advised + granules;
    records.total = base::align_up(records.mappings + granules, os::page_bytes());
    return records;
}

AddressRange* make_records(std::size_t slices, Purpose purpose) noexcept {
    const Records records = lay_out(slices);
    auto* memory = static_cast<char*>(os::map_records(records.total));
    if (memory == nullptr) return nullptr;
    void* marks = os::reserve_zeros(mark_bytes(slices, unit_shift(purpose)));
    if (marks == nullptr) {
        os::release(reinterpret_cast<std::uintptr_t>(memory), records.total);
        return nullptr;
    }
    auto* range = new (memory) AddressRange;
    // Fresh pages are zero, which is what every table starts from.
    range->entries = reinterpret_cast<std::atomic<std::uint64_t>*>(memory + kEntriesOffset);
    range->links = reinterpret_cast<RunLinks*>(memory + records.links);
    range->idle_since = reinterpret_cast<std::uint32_t*>(memory + records.idle_since);
    range->huge_advised = reinterpret_cast<std::uint8_t*>(memory + records.huge_advised);
    range->marks = static_cast<BlockMark*>(marks);
    range->unit_shift = unit_shift(purpose);
    range->purpose = purpose;
    range->mappings = reinterpret_cast<std::uint8_t*>(memory + records.mappings);
    range->slices = slices;
    return range;
}

/// The range of the `bytes` reserved from `start` on, with its records; nullptr, and they are released, if it
/// cannot have any. 0 starts none.
AddressRange* describe(std::uintptr_t start, std::size_t bytes, Purpose purpose) noexcept {
    if (start == 0) return nullptr;
    const bool known = (start + bytes) >> kAddressBits == 0;
    AddressRange* range = known ? make_records(bytes / base::kSliceBytes, purpose) : nullptr;
    if (range == nullptr) {
        os::release(start, bytes);
    } else {
        range->base = start;
    }
    return range;
}

/// Reserves `bytes` if as much again is to be had; 0 if not.
std::uintptr_t reserve_half(std::size_t bytes) noexcept {
    const std::uintptr_t start = os::reserve(2 * bytes, kRangeUnitBytes);
    if (start != 0) os::release(start + bytes, bytes);
    return start;
}

void release_records(const AddressRange& range) noexcept {
    os::release(reinterpret_cast<std::uintptr_t>(range.marks), mark_bytes(range.slices, range.unit_shift));
    os::release(reinterpret_cast<std::uintptr_t>(&range), lay_out(range.slices).total);
}

void enter(const AddressRange& range, AddressRange* value) noexcept {
    const std::size_t first = range.base >> kStepBits;
    const std::size_t steps = range.slices * base::kSliceBytes >> kStepBits;
    // Release pairs with the acquire in find_range: who sees the range sees its tables.
    for (std::size_t i = 0; i < steps; ++i) owner_table[first + i].store(value, std::memory_order_release);
}

}  // namespace

constinit std::atomic<AddressRange*> owner_table[std::size_t{1} << (kAddressBits - kStepBits)] = {};

AddressRange* reserve_range(std::size_t wanted, std::size_t least, Purpose purpose,
                            NodeArena& arena) noexcept {
    least = base::align_up(std::max<std::size_t>(least, 1), kRangeUnitBytes);
    wanted = std::max(base::align_up(wanted, kRangeUnitBytes), least);
    AddressRange* range = wanted > least ? describe(reserve_half(wanted), wanted, purpose) : nullptr;
    if (range == nullptr) range = describe(os::reserve(least, kRangeUnitBytes), least, purpose);
    if (range == nullptr) return nullptr;
    range->pool = arena.pool();
    range->arena_index = arena.settings().index;
    enter(*range, range);
    os::tools_roots_made(range->base, range->slices * base::kSliceBytes);
    return range;
}

int open_marks(AddressRange& range, std::size_t end) noexcept {
    if (end <= range.marked) return 0;
    const std::size_t step =
        std::max<std::size_t>((os::page_bytes() << range.unit_shift) / base::kSliceBytes, 64);
    const std::size_t target = std::min(base::align_up(end, step), range.slices);
    const std::size_t from = range.marked * base::kSliceBytes >> range.unit_shift;
    const std::size_t to = mark_bytes(target, range.unit_shift);
    const int error = os::commit(reinterpret_cast<std::uintptr_t>(range.marks) + from, to - from);
    if (error == 0) range.marked = target;
    return error;
}

void release_range(AddressRange* range) noexcept {
    enter(*range, nullptr);
    os::tools_roots_gone(range->base, range->slices * base::kSliceBytes);
    forget_edges(*range);
    for_each_kept_part(*range, 0, range->slices, [&](std::size_t first, std::size_t slices) {
        os::release(range->address_of(first), slices * base::kSliceBytes);
    });
    release_records(*range);
}

}  // namespace numapool::arena
