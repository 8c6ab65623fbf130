// Owns: what is told of the calls that place memory and threads, and what a pool does without them.
// Must not know: how they were tried.
#pragma once

#include <string>
#include <vector>

#include "numapool/diagnosis.h"

#include "watch/examination.h"

namespace numapool::watch {

/// Adds "mbind", "move_pages", "get_mempolicy", "set_mempolicy", "thread binding".
void add_policy_findings(const Examination& seen, std::vector<Finding>& findings);

/// What lets mbind, set_mempolicy or get_mempolicy through after `error`. `numa`: the kernel lists nodes.
std::string policy_call_remedy(int error, bool numa);

}  // namespace numapool::watch
