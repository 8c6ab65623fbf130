// Owns: reading a request for an array from Python arguments, by NumPy's own rules for shapes and dtypes.
// Must not know: pools.
#pragma once

#include <optional>
#include <string_view>

#include "numapool/options.h"

#include "array_spec.h"
#include "numpy_api.h"

namespace numapool_python {

/// What get_buffer's arguments ask for, read and checked.
struct ArrayRequest {
    ArraySpec spec;
    numapool::Request request;
};

/// The same, with a reference to the descriptor.
struct OwnedArrayRequest : ArrayRequest {
    OwnedArrayRequest() = default;
    OwnedArrayRequest(const OwnedArrayRequest&) = delete;
    OwnedArrayRequest& operator=(const OwnedArrayRequest&) = delete;
    ~OwnedArrayRequest() { Py_XDECREF(reinterpret_cast<PyObject*>(spec.descr)); }
};

/// How many arguments get_buffer takes.
inline constexpr std::size_t kMostArguments = 7;

/// Interned argument names and the like; false with a Python error set if that fails.
bool prepare_array_requests() noexcept;

/// The interned word "shape".
PyObject* shape_name() noexcept;

/// Reads `get_buffer(shape, dtype, numa_node, *, order, alignment, zeroed, bind)` in vectorcall form. False
/// with a Python error set; nothing has happened to any pool then.
bool read_array_request(PyObject* const* arguments, Py_ssize_t positional, PyObject* names,
                        OwnedArrayRequest& result);

/// The text of a str, as long as that lives; empty for any other object.
std::string_view text_of(PyObject* object) noexcept;

/// Reads None, a node number or an Interleave.
bool read_placement(PyObject* numa_node, numapool::Placement& placement);

/// Reads "none" | "advisory" | "strict".
bool read_bind_mode(PyObject* word, numapool::BindMode& mode);

}  // namespace numapool_python
