// Owns: PoolBase, the C type under numapool.MemoryPool, with its methods.
// Must not know: how arguments become requests; when pending arrays are reused.
#pragma once

#include "pool_state.h"

namespace numapool_python {

/// Makes the type; nullptr with a Python error set if that fails. A new reference.
PyObject* make_pool_type() noexcept;

/// Gives `type`, derived from the type made above, get_buffer and return_buffer as methods of its own, which
/// CPython calls with less ado than inherited ones. False with a Python error set if that fails.
bool give_own_methods(PyTypeObject* type, PyTypeObject* pool_type) noexcept;

/// The pool's figures as the dict that users get. A new reference, or nullptr with a Python error set.
PyObject* statistics_dict(PoolState& state);
/// The same for MemoryPool::verify_placement: a list of dicts.
PyObject* placement_checks_list(const std::vector<numapool::PlacementCheck>& checks);

}  // namespace numapool_python
