// Owns: seeing to it that a block's pages lie where they shall, and telling when they do not.
// Must not know: how blocks are found and kept.
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>

#include "base/bits.h"
#include "base/log.h"
#include "os/remapping.h"
#include "os/virtual_memory.h"
#include "pool/failure_message.h"
#include "pool/pool_core.h"
#include "pool/populate_crew.h"
#include "topology/node_files.h"

namespace numapool::detail {
namespace {

constexpr std::uint64_t kCpusetFileMs = 100;  // between two readings where only a file tells

bool has_less_free_than(int node, std::size_t bytes) noexcept {
    const auto memory = topology::read_node_memory("", node);
    return memory && memory->free_bytes < bytes;
}

bool read_allowed_nodes(os::NodeMask& allowed) noexcept {
    try {
        const auto nodes = topology::read_allowed_nodes("");
        for (const int node : nodes.value_or(std::vector<int>{})) {
            if (node < os::NodeMask::kMaxNodes) allowed.add(node);
        }
        return nodes.has_value();
    } catch (const std::bad_alloc&) {
        return false;
    }
}

[[gnu::format(printf, 3, 4)]] void tell(std::atomic<bool>* once, LogLevel level, const char* format,
                                        ...) noexcept {
    std::array<char, 300> message{};
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(message.data(), message.size(), format, values);
    va_end(values);
    if (once != nullptr) {
        base::log_once(*once, level, message.data());
    } else {
        base::log(level, message.data());
    }
}

void tell_of_pages_elsewhere(const Placement& placement) noexcept {
    static constinit std::atomic<bool> told{false};
    if (placement.kind() == Placement::Kind::kNode) {
        tell(&told, LogLevel::kWarning,
             "pages of a buffer for node %d lie on other nodes: it is full or they were moved away; free "
             "memory "
             "there, ask for bind=\"strict\" to have an error instead, or see verified_ratio in the "
             "statistics",
             placement.node());
    } else {
        tell(
            &told, LogLevel::kWarning,
            "pages of an interleaved buffer lie outside its nodes, which are full; see verified_ratio in the "
            "statistics");
    }
}

}  // namespace

void PoolCore::describe(PopulatePart& part, std::uint32_t index, std::uintptr_t address,
                        std::size_t bytes) const noexcept {
    const std::vector<int>& cpus = arenas_[index].cpus;
    part.address = address;
    part.bytes = bytes;
    if (!single_arena_) part.cpus = cpus;
    part.threads = cpus.empty() ? cpus_ : cpus.size();
}

int PoolCore::populate(arena::NodeArena& arena, std::uintptr_t begin, std::uintptr_t end) noexcept {
    const auto fault_in = [&](std::uint32_t index, std::uintptr_t at, std::size_t bytes, bool right_here) {
        PopulatePart part;
        describe(part, index, at, bytes);
        if (right_here && bytes < kSharedFromBytes) part.cpus = {};
        return populate_parts({&part, 1}).failure().system_error;
    };
    if (arena.policy_error() == 0) return fault_in(arena.settings().index, begin, end - begin, true);
    // Untold, the kernel puts pages on the node that touches them first.
    int error = 0;
    arena.settings().home.for_each_run(
        arena::find_range(begin)->base, begin, end - begin,
        [&](std::uintptr_t at, std::size_t bytes, int node) {
            const std::int16_t index = node >= 0 ? arena_of_memory_[static_cast<std::size_t>(node)] : -1;
            const bool there = index < 0 || os::current_node() == node;
            const std::uint32_t whose =
                index < 0 ? arena.settings().index : static_cast<std::uint32_t>(index);
            if (const int refused = fault_in(whose, at, bytes, there); refused != 0) error = refused;
        });
    return error;
}

base::Result<bool> PoolCore::all_home(const arena::PageCheck& check, std::size_t bytes) noexcept {
    if (check.error == 0 && check.home == bytes / os::page_bytes()) return true;
    const auto why = check.error != 0 ? PlacementFailure::kNotShown : PlacementFailure::kElsewhere;
    return base::Failure{ErrorCode::kPlacementFailed, check.error, bytes, static_cast<std::size_t>(why)};
}

bool PoolCore::place(cache::ArenaCache& cache, const Taken& taken, Placing& placing,
                     base::Failure& failure) noexcept {
    arena::NodeArena& arena = cache.arena();
    const bool strict = placing.mode == BindMode::kStrict;
    placing.fresh = taken.reused_bytes != taken.bytes;
    if (single_arena_ && !strict) return true;
    if (!single_arena_ && !arena.asked_home()) arena.ask_home(os::Present::kMove);
    const int policy_error = arena.policy_error();
    const auto fail = [&](int error, PlacementFailure why) {
        failure = {ErrorCode::kPlacementFailed, error, taken.bytes, static_cast<std::size_t>(why)};
        return false;
    };
    if (strict && policy_error != 0) return fail(policy_error, PlacementFailure::kRefused);
    if (!strict && !placing.fresh) return true;

    const bool large = taken.size_class == base::kSizeClasses;
    const auto address = reinterpret_cast<std::uintptr_t>(taken.address);
    std::uintptr_t begin = base::align_down(address, os::page_bytes());
    std::uintptr_t end = base::align_up(address + taken.bytes, os::page_bytes());
    if (placing.fresh && !large) {
        // Slabs grow by slices, each begun by one block, and count as committed from then on.
        const std::uintptr_t slices_begin = base::align_up(address, base::kSliceBytes);
        const std::uintptr_t slices_end = base::align_up(address + taken.bytes, base::kSliceBytes);
        if (!strict) begin = slices_begin;
        if (!strict || slices_begin < slices_end) end = slices_end;
    } else if (!strict && policy_error == 0) {
        // Where there is room, pages appear as they are touched, and are looked up when they come back.
        const Placement& placement = arenas_[arena.settings().index].placement;
        if (placement.kind() != Placement::Kind::kNode ||
            !has_less_free_than(placement.node(), taken.bytes)) {
            // Refused where another thread returns it, which it was not given.
            static_cast<void>(
                arena::change_block(address, arena::BlockState::kLive, arena::BlockState::kNew));
            return true;
        }
    }
    if (begin >= end) return true;
    const int refused = populate(arena, begin, end);
    const bool movable = !single_arena_ && policy_error == 0;
    const arena::PageCheck check = arena.check_pages(begin, end - begin, movable);
    placing.elsewhere = check.elsewhere;
    if (!strict) return true;
    if (refused != 0) return fail(refused, PlacementFailure::kNoMemory);
    const auto home = all_home(check, end - begin);
    if (!home) failure = home.failure();
    return home.ok();
}

void PoolCore::discard(cache::ArenaCache& cache, std::uintptr_t address, std::size_t bytes) noexcept {
    // Its pages must not serve the next request as if they lay right.
    arena::AddressRange& range = *arena::find_range(address);
    const std::size_t slice = range.index_of(address);
    const arena::SliceEntry entry = range.entry(slice);
    if (!entry.is_slab()) {
        if (entry.is_held_block() && arena::SliceEntry::claim(range.entries[slice], entry))
            cache.arena().discard_block(range, slice);
        return;
    }
    // In a slab those that it shares with no other block.
    const std::size_t begin = base::align_up(address, os::page_bytes());
    const std::size_t end = base::align_down(address + bytes, os::page_bytes());
    if (begin < end) os::decommit(begin, end - begin);
    // Without a mark it need not be sealed, which would touch its first page at once.
    const std::uint32_t size_class = entry.slab()->size_class;
    arena::set_mark(range.mark_of(address), 0);
    cache.put_past_magazine(size_class, address);
}

void PoolCore::settle(const arena::AddressRange& range, std::uintptr_t address, std::size_t bytes) noexcept {
    if (closed()) return;
    arena::NodeArena& arena = *arena_at(range.arena_index);
    const arena::PageCheck check = arena.check_pages(address, bytes, arena.policy_error() == 0);
    if (check.elsewhere == 0) return;
    ArenaSlot& slot = arenas_[range.arena_index];
    if (slot.forbidden.load(std::memory_order_relaxed)) return;  // counted when it was handed out
    slot.fallbacks.fetch_add(1, std::memory_order_relaxed);
    if (arena.policy_error() == 0) tell_of_pages_elsewhere(slot.placement);
}

void PoolCore::look_at_cpuset() noexcept {
    if (single_arena_) return;
    os::NodeMask allowed;
    if (os::get_allowed_nodes(allowed) != 0) {
        const std::uint64_t now = os::coarse_milliseconds();
        std::uint64_t last = cpuset_read_at_ms_.load(std::memory_order_relaxed);
        if (now - last < kCpusetFileMs ||
            !cpuset_read_at_ms_.compare_exchange_strong(last, now, std::memory_order_relaxed) ||
            !read_allowed_nodes(allowed))
            return;
    }
    bool changed = false;
    for_each_arena([&](std::uint32_t index, const arena::NodeArena& arena) {
        const bool before = arenas_[index].forbidden.load(std::memory_order_relaxed);
        changed |= before == arena.settings().home.within(allowed);
    });
    if (!changed) return;
    const std::lock_guard lock(growth_mutex_);
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        const bool now = !arena.settings().home.within(allowed);
        const bool given_back = arenas_[index].forbidden.exchange(now, std::memory_order_relaxed) && !now;
        // The kernel had moved the node's pages away.
        if (given_back && arena.asked_home()) arena.ask_home(os::Present::kMove);
    });
    cpuset_untold_.store(true, std::memory_order_relaxed);
    set_short_ways();
}

void PoolCore::tell_of_cpuset() noexcept {
    if (!cpuset_untold_.exchange(false, std::memory_order_relaxed)) return;
    for (std::uint32_t i = 0; i < node_arenas_; ++i) {
        const bool now = arenas_[i].forbidden.load(std::memory_order_relaxed);
        if (arenas_[i].told_forbidden.exchange(now, std::memory_order_relaxed) == now) continue;
        const int node = arenas_[i].placement.node();
        if (now) {
            tell(nullptr, LogLevel::kWarning,
                 "node %d was taken from this process (cpuset.mems): buffers for it come from other nodes",
                 node);
        } else {
            tell(nullptr, LogLevel::kInfo, "node %d was given back to this process (cpuset.mems)", node);
        }
    }
}

void PoolCore::report(std::uint32_t index, const Placing& placing) noexcept {
    if (const int error = os::remapping_error(); error != 0) {
        static constinit std::atomic<bool> told_unmoved{false};
        tell(
            &told_unmoved, LogLevel::kWarning,
            "idle pages could not be moved to where they were needed (%s), which will not be tried again: "
            "requests that find no idle memory long enough take new memory; set movable to false where other "
            "code locks, protects or advises parts of buffers",
            std::strerror(error));
    }
    if (placing.mode == BindMode::kNone || single_arena_) return;
    if (placing.fresh) look_at_cpuset();
    if (cpuset_untold_.load(std::memory_order_relaxed)) tell_of_cpuset();
    ArenaSlot& slot = arenas_[index];
    const bool forbidden = slot.forbidden.load(std::memory_order_relaxed);
    const int error = arena_at(index)->policy_error();
    if (forbidden || error != 0 || placing.elsewhere != 0)
        slot.fallbacks.fetch_add(1, std::memory_order_relaxed);
    if (forbidden) return;
    static constinit std::atomic<bool> told_refused{false};
    if (error != 0) {
        tell(&told_refused, LogLevel::kWarning,
             "placement could not be requested of the system (%s): new memory is first touched from the CPUs "
             "of its node instead; allow mbind (CAP_SYS_NICE in a container) or set bind to none",
             std::strerror(error));
    } else if (placing.elsewhere != 0) {
        tell_of_pages_elsewhere(slot.placement);
    }
}

std::vector<PlacementCheck> PoolCore::verify_placement() {
    std::vector<PlacementCheck> result;
    std::vector<std::uint64_t> found;
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        found.assign(os::NodeMask::kMaxNodes, 0);
        const arena::PageCheck check = arena.check_all_pages(found);
        const Placement& placement = arenas_[index].placement;
        const std::vector<int> nodes = placement.nodes();
        PlacementCheck entry{nodes.empty() ? 0 : nodes[0],
                             {},
                             placement.weights(),
                             {},
                             check.home,
                             check.elsewhere,
                             check.unknown};
        if (placement.kind() == Placement::Kind::kInterleave) entry.interleaved_over = nodes;
        for (std::size_t node = 0; node < found.size(); ++node) {
            if (found[node] != 0) entry.pages_on[static_cast<int>(node)] = found[node];
        }
        result.push_back(std::move(entry));
    });
    return result;
}

}  // namespace numapool::detail
