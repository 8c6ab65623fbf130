// Owns: a large block in the making: the run that it will lie in, and which parts of that hold idle memory
// yet. Must not know: where the parts come from, locks, system calls.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "arena/page_heap.h"
#include "base/bits.h"
#include "base/size_classes.h"

namespace numapool::arena {

/// The run holds, in this order: what was idle there from the start, to the end of a granule vacant memory,
/// granules that were moved there idle throughout, granules that were moved there with an idle beginning, and
/// what nothing was moved to. All positions and lengths are in slices. Thread safety: none.
struct Patchwork {
    static constexpr std::size_t kMostBegun = 16;

    Run whole;               ///< ends with a granule; the block begins where it does
    std::size_t slices = 0;  ///< of the block
    std::size_t idle = 0;    ///< from the start
    std::size_t moved = 0;   ///< in granules idle throughout
    std::size_t begun = 0;   ///< granules with an idle beginning
    std::size_t lost = 0;    ///< behind those: addresses that are not ours any more
    std::array<std::uint8_t, kMostBegun> begun_idle{};  ///< how much of each is idle

    std::size_t block_end() const noexcept { return whole.first + slices; }
    /// Where the first granule is moved to.
    std::size_t moved_first() const noexcept {
        return base::align_up(whole.first + idle, base::kSlicesPerGranule);
    }
    /// Where the next granule is moved to; the run's end when it is full.
    std::size_t next() const noexcept { return moved_first() + moved + begun * base::kSlicesPerGranule; }
    std::size_t granules_left() const noexcept { return (whole.end() - next()) / base::kSlicesPerGranule; }

    /// Calls visit(part) for the parts from slice `from` on, in order: idle, vacant, and busy for lost ones.
    template <class Visit>
    void for_each_part(std::size_t from, Visit visit) const {
        std::size_t at = whole.first;
        const auto part = [&](std::size_t end, RunKind kind) {
            const std::size_t begin = std::max(at, from);
            if (begin < end) visit(Run{whole.range, begin, end - begin, kind});
            at = end;
        };
        part(whole.first + idle, RunKind::kIdle);
        part(moved_first(), RunKind::kVacant);
        part(moved_first() + moved, RunKind::kIdle);
        for (std::size_t i = 0; i < begun; ++i) {
            const std::size_t granule = at;
            part(granule + begun_idle[i], RunKind::kIdle);
            part(granule + base::kSlicesPerGranule, RunKind::kVacant);
        }
        part(at + lost, RunKind::kBusy);
        part(whole.end(), RunKind::kVacant);
    }
    /// How much of the block is idle memory.
    std::size_t reused() const noexcept {
        std::size_t found = 0;
        for_each_part(whole.first, [&](const Run& part) {
            if (part.kind == RunKind::kIdle && part.first < block_end())
                found += std::min(part.end(), block_end()) - part.first;
        });
        return found;
    }
};

}  // namespace numapool::arena
