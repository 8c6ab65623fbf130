// Owns: prefaulting: setting vacant memory aside, and what it is once its pages are there or were refused.
// Must not know: who faults the pages in, and from which threads.
#include "arena/node_arena.h"
#include "base/bits.h"
#include "os/virtual_memory.h"

namespace numapool::arena {

base::Result<Run> NodeArena::begin_prefault(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t have = heap_.free_bytes(RunKind::kIdle) + heap_.free_bytes(RunKind::kPrefaulted);
    if (have >= bytes) return Run{};
    const std::size_t missing = base::align_up(bytes - have, base::kSliceBytes);
    if (!settings_.budget->charge(missing)) {
        return base::Failure{ErrorCode::kLimitExceeded, 0, missing, settings_.budget->limit()};
    }
    // From the start of a granule on, so that huge pages can be all of it but for a last part.
    const std::size_t align = missing >= base::kGranuleBytes ? base::kSlicesPerGranule : 1;
    auto run = take_vacant(missing / base::kSliceBytes, align, Purpose::kLargeBlock);
    if (!run) {
        settings_.budget->refund(missing);
        return run;
    }
    committed_.fetch_add(missing, std::memory_order_relaxed);
    ++aside_;
    return run;
}

void NodeArena::finish_prefault(const Run& run, bool keep) noexcept {
    // Nothing was written to it, so it reads zero even if the system will not have it back.
    const bool gone = !keep && os::decommit(run.address(), run.bytes()) == 0;
    const std::lock_guard lock(mutex_);
    --aside_;
    if (gone) {
        committed_.fetch_sub(run.bytes(), std::memory_order_relaxed);
        settings_.budget->refund(run.bytes());
        heap_.put(run);
    } else {
        settings_.budget->confirm(run.bytes());
        put_idle(run, RunKind::kPrefaulted);
    }
}

}  // namespace numapool::arena
