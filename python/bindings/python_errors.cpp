// Owns: the translation behind python_errors.h.
// Must not know: which call failed.
#include "python_errors.h"

#include <exception>

#include "numapool/errors.h"

namespace numapool_python {

ErrorTypes errors;

bool import_errors() noexcept {
    PyObject* module = PyImport_ImportModule("numapool.errors");
    if (module == nullptr) return false;
    const auto fetch = [&](PyObject*& slot, const char* name) {
        slot = PyObject_GetAttrString(module, name);
        return slot != nullptr;
    };
    const bool done = fetch(errors.value, "PoolValueError") && fetch(errors.type, "PoolTypeError") &&
                      fetch(errors.memory, "PoolMemoryError") && fetch(errors.closed, "PoolClosedError") &&
                      fetch(errors.placement, "PlacementError");
    Py_DECREF(module);
    return done;
}

void set_error_from_exception() noexcept {
    try {
        throw;
    } catch (const numapool::ArgumentError& error) {
        PyErr_SetString(errors.value, error.message());
    } catch (const numapool::OutOfMemoryError& error) {
        PyErr_SetString(errors.memory, error.message());
    } catch (const numapool::PlacementError& error) {
        PyErr_SetString(errors.placement, error.message());
    } catch (const numapool::ClosedError& error) {
        PyErr_SetString(errors.closed, error.message());
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

}  // namespace numapool_python
