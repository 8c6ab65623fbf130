// Owns: reading the line behind call_place.h.
// Must not know: what the library does with it.
#include "call_place.h"

#include <cstdio>

#include "numapool/call_place.h"

#include "numpy_api.h"

namespace numapool_python {
namespace {

void write_place(PyFrameObject* frame, char* text, std::size_t bytes) noexcept {
    PyCodeObject* code = PyFrame_GetCode(frame);
    const char* file = PyUnicode_AsUTF8(code->co_filename);
    const char* function = PyUnicode_AsUTF8(code->co_name);
    static_cast<void>(std::snprintf(text, bytes, "%s:%d in %s", file != nullptr ? file : "?",
                                    PyFrame_GetLineNumber(frame), function != nullptr ? function : "?"));
    Py_DECREF(reinterpret_cast<PyObject*>(code));
}

/// The thread's state if it holds the interpreter's lock, else nullptr. PyGILState_Check says yes to everyone
/// once there was a subinterpreter.
PyThreadState* state_with_lock() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    PyThreadState* current = PyThreadState_GetUnchecked();
#else
    PyThreadState* current = _PyThreadState_UncheckedGet();
#endif
    return current == PyGILState_GetThisThreadState() ? current : nullptr;
}

void name_place(char* text, std::size_t bytes) noexcept {
    PyThreadState* state = Py_IsInitialized() != 0 ? state_with_lock() : nullptr;
    PyFrameObject* frame = state != nullptr ? PyThreadState_GetFrame(state) : nullptr;
    if (frame == nullptr) return;
    // A buffer may come back while an exception is on its way.
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    write_place(frame, text, bytes);
    PyErr_Restore(type, value, trace);
    Py_DECREF(reinterpret_cast<PyObject*>(frame));
}

}  // namespace

void name_python_places() noexcept { numapool::set_place_namer(name_place); }

}  // namespace numapool_python
