// Owns: the wording of errors: what was wrong, with the value, and what would be right.
// Must not know: how to recover.
#pragma once

#include "base/result.h"
#include "pool/pool_core.h"

namespace numapool::detail {

/// Why a strict request failed: Failure::bound beside ErrorCode::kPlacementFailed.
enum class PlacementFailure : std::size_t {
    kElsewhere,  ///< pages lie on other nodes and cannot be moved
    kRefused,    ///< the system would not be told where pages shall lie
    kNoMemory,   ///< pages could not be faulted in
    kNotShown,   ///< pages could not be looked up
};

/// Throws the exception that `failure` of an operation on `core` stands for.
[[noreturn]] void throw_failure(const PoolCore& core, const base::Failure& failure);

/// Throws for a refused return of `block` to `core`.
[[noreturn]] void throw_refused_return(const PoolCore& core, ErrorCode code, const void* block);

}  // namespace numapool::detail
