// Owns: what is told of the kernel: what it does to placed memory by itself, and what it offers.
// Must not know: how any of it was learnt.
#pragma once

#include <vector>

#include "numapool/diagnosis.h"

#include "watch/examination.h"

namespace numapool::watch {

/// Adds "numa balancing", "zone reclaim", "kernel".
void add_kernel_findings(const Examination& seen, std::vector<Finding>& findings);

}  // namespace numapool::watch
