// Owns: the wording of errors: what was wrong, with the value, and what would be right.
// Must not know: how to recover.
#pragma once

#include "base/result.h"
#include "pool/pool_core.h"

namespace numapool::detail {

/// Throws the exception that `failure` of an operation on `core` stands for.
[[noreturn]] void throw_failure(const PoolCore& core, const base::Failure& failure);

/// Throws for a refused return of `block` to `core`.
[[noreturn]] void throw_refused_return(const PoolCore& core, ErrorCode code, const void* block);

}  // namespace numapool::detail
