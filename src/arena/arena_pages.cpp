// Owns: an arena's pages as the kernel sees them: on which nodes they shall lie, and which are there.
// Must not know: threads, other nodes, blocks.
#include <algorithm>

#include "arena/mapping_edges.h"
#include "arena/node_arena.h"
#include "base/bits.h"
#include "os/virtual_memory.h"

namespace numapool::arena {

using base::kSliceBytes;

template <class Visit>
void NodeArena::for_each_used_part(Visit visit) noexcept {
    AddressRange* range = nullptr;
    {
        const std::lock_guard lock(mutex_);
        range = heap_.ranges();
    }
    // Ranges are only ever added in front, and live as long as the arena.
    for (; range != nullptr; range = range->next) {
        std::size_t slices = 0;
        {
            const std::lock_guard lock(mutex_);
            slices = std::min(range->writable, base::align_up(range->fresh, base::kSlicesPerGranule));
        }
        for_each_kept_part(*range, 0, slices, [&](std::size_t first, std::size_t part) {
            visit(*range, range->address_of(first), part * kSliceBytes);
        });
    }
}

void NodeArena::ask_home(const AddressRange& range, std::size_t first, std::size_t end,
                         os::Present present) noexcept {
    for_each_kept_part(range, first, end - first, [&](std::size_t part, std::size_t slices) {
        const int error =
            settings_.home.ask(range.base, range.address_of(part), slices * kSliceBytes, present);
        if (error != 0) policy_error_.store(error, std::memory_order_relaxed);
    });
}

void NodeArena::ask_home(os::Present present) noexcept {
    if (settings_.home.anywhere()) return;
    const std::lock_guard lock(mutex_);
    policy_error_.store(0, std::memory_order_relaxed);
    for (const AddressRange* range = heap_.ranges(); range != nullptr; range = range->next) {
        ask_home(*range, 0, settings_.home.by_granule() ? range->writable : range->slices, present);
    }
    asked_home_.store(true, std::memory_order_relaxed);
}

PageCheck NodeArena::check_pages(std::uintptr_t address, std::size_t bytes, bool repair) noexcept {
    const std::uintptr_t base = find_range(address)->base;
    PageCheck check = arena::check_pages(settings_.home, base, address, bytes);
    if (repair && check.elsewhere != 0 && settings_.home.ask(base, address, bytes, os::Present::kMove) == 0)
        check = arena::check_pages(settings_.home, base, address, bytes);
    count(check);
    return check;
}

PageCheck NodeArena::check_all_pages(std::span<std::uint64_t> found) noexcept {
    PageCheck all;
    for_each_used_part([&](const AddressRange& range, std::uintptr_t address, std::size_t bytes) {
        const PageCheck part = arena::check_pages(settings_.home, range.base, address, bytes, found);
        all.home += part.home;
        all.elsewhere += part.elsewhere;
        all.absent += part.absent;
        all.unknown += part.unknown;
        if (part.error != 0) all.error = part.error;
    });
    count(all);
    return all;
}

void NodeArena::count(const PageCheck& check) noexcept {
    looked_up_.fetch_add(check.present(), std::memory_order_relaxed);
    found_home_.fetch_add(check.home, std::memory_order_relaxed);
}

std::size_t NodeArena::resident_bytes() noexcept {
    std::size_t all = 0;
    for_each_used_part([&](const AddressRange&, std::uintptr_t address, std::size_t bytes) {
        all += os::resident_bytes(address, bytes);
    });
    return all;
}

}  // namespace numapool::arena
