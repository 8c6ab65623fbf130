// Owns: what get_buffer and return_buffer do.
// Must not know: how arguments become requests; when pending arrays are reused.
#pragma once

#include "numpy_api.h"
#include "pool_state.h"

namespace numapool_python {

/// get_buffer, in vectorcall form: an array, or nullptr with a Python error set.
PyObject* get_buffer(PoolState& state, PyObject* const* arguments, Py_ssize_t positional, PyObject* names);

/// return_buffer: None, or nullptr with a Python error set.
PyObject* return_buffer(PoolState& state, PyObject* array);

}  // namespace numapool_python
