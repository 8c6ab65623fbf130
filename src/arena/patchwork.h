// Owns: a large block in the making: the run that it will lie in, and how much of that holds idle memory yet.
// Must not know: where the parts come from, locks, system calls.
#pragma once

#include <algorithm>
#include <cstddef>

#include "arena/page_heap.h"
#include "base/bits.h"
#include "base/size_classes.h"

namespace numapool::arena {

/// The run holds, in this order: what was idle there from the start, vacant memory to the end of a granule,
/// the granules that were moved there, and what nothing was moved to. Positions and lengths are in slices.
/// Thread safety: none.
struct Patchwork {
    Run whole;               ///< ends with the granule that the block ends in; the block begins where it does
    std::size_t slices = 0;  ///< of the block
    std::size_t idle = 0;    ///< from the start
    std::size_t moved = 0;
    std::size_t lost = 0;  ///< behind those: addresses that are not ours any more

    std::size_t block_end() const noexcept { return whole.first + slices; }
    /// Where the first granule is moved to.
    std::size_t moved_first() const noexcept {
        return base::align_up(whole.first + idle, base::kSlicesPerGranule);
    }
    /// Where the next granule is moved to; the run's end when it is full.
    std::size_t next() const noexcept { return moved_first() + moved; }

    /// Calls visit(part) for each part: idle, vacant, or busy for a lost one.
    template <class Visit>
    void for_each_part(Visit visit) const {
        std::size_t at = whole.first;
        const auto part = [&](std::size_t end, RunKind kind) {
            if (at < end) visit(Run{whole.range, at, end - at, kind});
            at = end;
        };
        part(whole.first + idle, RunKind::kIdle);
        part(moved_first(), RunKind::kVacant);
        part(next(), RunKind::kIdle);
        part(next() + lost, RunKind::kBusy);
        part(whole.end(), RunKind::kVacant);
    }
    /// Where in the block the last idle memory ends.
    std::size_t reused_end() const noexcept {
        return moved != 0 ? std::min(next(), block_end()) - whole.first : std::min(idle, slices);
    }
    /// How much of the block is idle memory.
    std::size_t reused() const noexcept {
        return idle + std::min(next(), block_end()) - std::min(moved_first(), block_end());
    }
};

}  // namespace numapool::arena
