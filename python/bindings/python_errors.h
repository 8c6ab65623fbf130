// Owns: the way from the library's errors to Python's exceptions.
// Must not know: which call failed.
#pragma once

#include "numpy_api.h"

namespace numapool_python {

/// The exception classes of numapool.errors.
struct ErrorTypes {
    PyObject* value = nullptr;
    PyObject* type = nullptr;
    PyObject* memory = nullptr;
    PyObject* closed = nullptr;
    PyObject* placement = nullptr;
};
extern ErrorTypes errors;

/// Fetches the classes; false with a Python error set if that fails.
bool import_errors() noexcept;

/// Turns the C++ exception that is being handled into a Python error. For use in a catch block.
void set_error_from_exception() noexcept;

}  // namespace numapool_python
