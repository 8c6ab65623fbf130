// Owns: the third part of `numapool prove`: buffers that come back to threads of another node, and where the
// next ones lie. Must not know: how that is shown.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "deadline.h"
#include "prove_machine.h"
#include "reuse_rounds.h"

namespace numapool_cli {

struct AllocatorReuse {
    std::string name;  ///< "numapool", "glibc 2.36", "jemalloc"
    std::string file;  ///< that its malloc came from; empty for the pool
    std::vector<ReuseCase> cases;
    std::string failure;    ///< why there are no cases, or none of one handover; empty if there are
    bool complete = false;  ///< each pair, size and handover was reached, so that sums can be compared
};

struct ReuseResult {
    bool across_nodes = false;  ///< false: both threads were on the same node, since there is one only
    std::vector<ReuseSize> sizes;
    std::vector<AllocatorReuse> allocators;  ///< the pool first
    std::string skipped;                     ///< why nothing was measured; empty if something was
};

/// Every ordered pair of nodes, or the one node with itself. Allocators run one after the other, each with
/// its share of the time; for each handover there is a fresh pool, or a fresh process whose malloc the
/// allocator replaces.
ReuseResult prove_reuse(const ProveMachine& machine, const Deadline& deadline, bool quick);

/// The counts of all cases of one size and handover added up.
ReuseCase sum_of_cases(const AllocatorReuse& allocator, std::size_t bytes, Handover handover);

}  // namespace numapool_cli
