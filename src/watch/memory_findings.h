// Owns: what is told of huge pages, address space, overcommit and memory limits.
// Must not know: how any of it was learnt.
#pragma once

#include <vector>

#include "numapool/diagnosis.h"

#include "watch/examination.h"

namespace numapool::watch {

/// Adds "huge pages" and "hugetlb".
void add_huge_page_findings(const Examination& seen, std::vector<Finding>& findings);

/// Adds "memory limit", "overcommit", "address space", "maps", "swap".
void add_memory_findings(const Examination& seen, std::vector<Finding>& findings);

/// What is missing for transparent huge pages, with its remedy and the state kCannot; "" in `found` if they
/// can be had on request.
Finding huge_page_obstacle(const Examination& seen);

}  // namespace numapool::watch
