// Owns: the type behind pool_object.h.
// Must not know: how arguments become requests; when pending arrays are reused.
#include "pool_object.h"

#include <string>

#include <nanobind/nanobind.h>

#include "numapool/numa_optimizer.h"

#include "array_request.h"
#include "buffer_methods.h"
#include "interpreter_lock.h"
#include "pool_docstrings.h"
#include "python_errors.h"

namespace numapool_python {
namespace {

struct PoolObject {
    PyObject_HEAD PoolState* state;
};

PoolState* state_of(PyObject* self) noexcept {
    PoolState* state = reinterpret_cast<PoolObject*>(self)->state;
    if (state == nullptr) PyErr_SetString(PyExc_RuntimeError, "MemoryPool.__init__ was not called");
    return state;
}

bool read_optional_bytes(PyObject* object, const char* name, std::optional<std::size_t>& bytes) {
    if (object == nullptr || object == Py_None) return true;
    const Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    const bool failed = value == -1 && PyErr_Occurred() != nullptr;
    if (failed && !PyErr_ExceptionMatches(PyExc_OverflowError)) return false;
    if (failed || value < 0) {
        PyErr_Clear();
        PyErr_Format(errors.value, "%s is %R; 0 to 2^63 - 1 bytes are possible", name, object);
        return false;
    }
    bytes = static_cast<std::size_t>(value);
    return true;
}

bool read_huge_pages(PyObject* word, numapool::HugePages& mode) {
    const auto parsed = numapool::parse_huge_pages(text_of(word));
    if (!parsed) {
        PyErr_Format(errors.value, "huge_pages is %R; \"auto\", \"never\" or \"always\" is needed", word);
        return false;
    }
    mode = *parsed;
    return true;
}

int pool_init(PyObject* self, PyObject* arguments, PyObject* keywords) {
    static const char* names[] = {"max_buffers", "numa_aware",     "enable_monitoring", "cleanup_threshold",
                                  "name",        "max_bytes",      "max_idle_bytes",    "bind",
                                  "huge_pages",  "zero_on_return", "movable",           nullptr};
    Py_ssize_t max_buffers = 32;
    int numa_aware = 1;
    int monitoring = 1;
    int zero_on_return = 0;
    int movable = 1;
    numapool::PoolOptions options;
    PyObject* name = nullptr;
    PyObject* max_bytes = nullptr;
    PyObject* max_idle_bytes = nullptr;
    PyObject* bind = nullptr;
    PyObject* huge_pages = nullptr;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|nppd$OOOOOpp", const_cast<char**>(names),
                                     &max_buffers, &numa_aware, &monitoring, &options.cleanup_threshold,
                                     &name, &max_bytes, &max_idle_bytes, &bind, &huge_pages, &zero_on_return,
                                     &movable)) {
        return -1;
    }
    if (max_buffers < 0) {
        PyErr_Format(errors.value, "max_buffers is %zd; 0 or more are needed", max_buffers);
        return -1;
    }
    options.max_buffers = static_cast<std::size_t>(max_buffers);
    options.numa_aware = numa_aware != 0;
    options.enable_monitoring = monitoring != 0;
    options.zero_on_return = zero_on_return != 0;
    options.movable = movable != 0;
    if (name != nullptr && name != Py_None) {
        const std::string_view text = text_of(name);
        if (text.empty() || text.find('\0') != std::string_view::npos) {
            PyErr_Format(errors.value, "name is %R; a text that is not empty is needed, or None", name);
            return -1;
        }
        options.name = text;
    }
    if (!read_optional_bytes(max_bytes, "max_bytes", options.max_bytes) ||
        !read_optional_bytes(max_idle_bytes, "max_idle_bytes", options.max_idle_bytes) ||
        (bind != nullptr && !read_bind_mode(bind, options.bind)) ||
        (huge_pages != nullptr && !read_huge_pages(huge_pages, options.huge_pages))) {
        return -1;
    }
    auto* pool = reinterpret_cast<PoolObject*>(self);
    if (pool->state != nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "a pool is initialised once; make a new MemoryPool");
        return -1;
    }
    try {
        pool->state = new PoolState(options);
        return 0;
    } catch (...) {
        set_error_from_exception();
        return -1;
    }
}

void pool_dealloc(PyObject* self) {
    auto* pool = reinterpret_cast<PoolObject*>(self);
    PyTypeObject* type = Py_TYPE(self);
    if (PoolState* state = pool->state; state != nullptr) {
        pool->state = nullptr;
        state->pending().forget();
        state->pool().close();
        state->drop_reference();
    }
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* pool_get_buffer(PyObject* self, PyObject* const* arguments, Py_ssize_t positional,
                          PyObject* names) {
    PoolState* state = state_of(self);
    return state == nullptr ? nullptr : get_buffer(*state, arguments, positional, names);
}

PyObject* pool_return_buffer(PyObject* self, PyObject* array) {
    PoolState* state = state_of(self);
    return state == nullptr ? nullptr : return_buffer(*state, array);
}

PyObject* pool_initialize(PyObject* self, PyObject* const* arguments, Py_ssize_t positional,
                          PyObject* names) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
    if (positional + named > 1 ||
        (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "reserve_bytes") != 0)) {
        PyErr_SetString(PyExc_TypeError, "initialize() takes one argument: reserve_bytes");
        return nullptr;
    }
    std::optional<std::size_t> bytes;
    if (positional + named == 1 && !read_optional_bytes(arguments[0], "reserve_bytes", bytes)) return nullptr;
    try {
        without_interpreter_lock([&] { state->pool().initialize(bytes.value_or(0)); });
        Py_RETURN_NONE;
    } catch (...) {
        set_error_from_exception();
        return nullptr;
    }
}

PyObject* pool_trim(PyObject* self, PyObject* const* arguments, Py_ssize_t positional, PyObject* names) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
    if (positional + named > 1 ||
        (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "keep_bytes") != 0)) {
        PyErr_SetString(PyExc_TypeError, "trim() takes one argument: keep_bytes");
        return nullptr;
    }
    std::optional<std::size_t> keep;
    if (positional + named == 1 && !read_optional_bytes(arguments[0], "keep_bytes", keep)) return nullptr;
    state->pending().sweep();
    std::size_t given = 0;
    without_interpreter_lock([&] { given = state->pool().trim(keep.value_or(0)); });
    return PyLong_FromSize_t(given);
}

PyObject* pool_close(PyObject* self, PyObject*) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    state->pending().sweep();
    without_interpreter_lock([&] { state->pool().close(); });
    Py_RETURN_NONE;
}

PyObject* pool_get_statistics(PyObject* self, PyObject*) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    state->pending().sweep();
    // Before Python 3.12 any allocation may run finalizers: what is read must not change, and a daemon thread
    // in one of them would be unwound through this when the interpreter ends.
    const bool collects = PyGC_Disable() != 0;
    PyObject* result = nullptr;
    try {
        result = statistics_dict(*state);
    } catch (...) {
        set_error_from_exception();
    }
    if (collects) PyGC_Enable();
    return result;
}

PyObject* pool_resident_bytes(PyObject* self, PyObject*) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    std::size_t bytes = 0;
    without_interpreter_lock([&] { bytes = state->pool().resident_bytes(); });
    return PyLong_FromSize_t(bytes);
}

PyObject* pool_verify_placement(PyObject* self, PyObject*) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    try {
        std::vector<numapool::PlacementCheck> checks;
        without_interpreter_lock([&] { checks = state->pool().verify_placement(); });
        return placement_checks_list(checks);
    } catch (...) {
        set_error_from_exception();
        return nullptr;
    }
}

PyObject* pool_numa_nodes(PyObject* self, PyObject*) {
    PoolState* state = state_of(self);
    if (state == nullptr) return nullptr;
    try {
        const std::vector<int> nodes = numapool::NumaOptimizer(state->pool()).get_numa_nodes();
        PyObject* list = PyList_New(static_cast<Py_ssize_t>(nodes.size()));
        for (std::size_t i = 0; list != nullptr && i < nodes.size(); ++i) {
            PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), PyLong_FromLong(nodes[i]));
        }
        return list;
    } catch (...) {
        set_error_from_exception();
        return nullptr;
    }
}

PyObject* pool_closed(PyObject* self, void*) {
    PoolState* state = state_of(self);
    return state == nullptr ? nullptr : PyBool_FromLong(state->pool().closed());
}

PyObject* pool_name(PyObject* self, void*) {
    PoolState* state = state_of(self);
    return state == nullptr ? nullptr : PyUnicode_FromString(state->pool().options().name.c_str());
}

template <class Function>
PyCFunction method(Function function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef buffer_methods[] = {
    {"get_buffer", method(pool_get_buffer), METH_FASTCALL | METH_KEYWORDS, kGetBufferDoc},
    {"return_buffer", pool_return_buffer, METH_O, kReturnBufferDoc},
};

PyMethodDef pool_methods[] = {
    buffer_methods[0],
    buffer_methods[1],
    {"initialize", method(pool_initialize), METH_FASTCALL | METH_KEYWORDS, kInitializeDoc},
    {"get_statistics", pool_get_statistics, METH_NOARGS, kStatisticsDoc},
    {"trim", method(pool_trim), METH_FASTCALL | METH_KEYWORDS, kTrimDoc},
    {"close", pool_close, METH_NOARGS, kCloseDoc},
    {"resident_bytes", pool_resident_bytes, METH_NOARGS, kResidentDoc},
    {"verify_placement", pool_verify_placement, METH_NOARGS, kVerifyDoc},
    {"_numa_nodes", pool_numa_nodes, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef pool_properties[] = {
    {"closed", pool_closed, nullptr, "bool: Whether the pool was closed.", nullptr},
    {"name", pool_name, nullptr, "str: What the pool is called in statistics and messages.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot pool_slots[] = {
    {Py_tp_init, reinterpret_cast<void*>(pool_init)},
    {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
    {Py_tp_dealloc, reinterpret_cast<void*>(pool_dealloc)},
    {Py_tp_methods, pool_methods},
    {Py_tp_getset, pool_properties},
    {Py_tp_doc, const_cast<char*>("The compiled part of numapool.MemoryPool.")},
    {0, nullptr},
};

PyType_Spec pool_spec = {"numapool._core.PoolBase", sizeof(PoolObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, pool_slots};

}  // namespace

PyObject* make_pool_type() noexcept { return PyType_FromSpec(&pool_spec); }

bool give_own_methods(PyTypeObject* type, PyTypeObject* pool_type) noexcept {
    if (PyType_IsSubtype(type, pool_type) == 0) {
        PyErr_Format(PyExc_TypeError, "%R is not derived from %R", type, pool_type);
        return false;
    }
    for (PyMethodDef& definition : buffer_methods) {
        PyObject* descriptor = PyDescr_NewMethod(type, &definition);
        const bool done =
            descriptor != nullptr &&
            PyObject_SetAttrString(reinterpret_cast<PyObject*>(type), definition.ml_name, descriptor) == 0;
        Py_XDECREF(descriptor);
        if (!done) return false;
    }
    return true;
}

}  // namespace numapool_python
