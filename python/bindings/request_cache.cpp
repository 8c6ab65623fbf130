// Owns: the table behind request_cache.h.
// Must not know: pools; what arguments mean.
#include "request_cache.h"

#include <type_traits>

namespace numapool_python {
namespace {

/// A shape whose extents are plain integers, and not many.
struct PlainShape {
    int dimensions = 0;
    std::array<npy_intp, 8> extents;  // its first `dimensions`
};

bool read_plain_extent(PyObject* item, npy_intp& extent) noexcept {
    if (!PyLong_CheckExact(item)) return false;
    extent = PyLong_AsSsize_t(item);
    if (extent >= 0) return true;
    PyErr_Clear();  // too large: whoever reads the arguments says so
    return false;
}

bool read_plain_shape(PyObject* shape, PlainShape& result) noexcept {
    if (!PyTuple_CheckExact(shape) && !PyList_CheckExact(shape)) {
        result.dimensions = 1;
        return read_plain_extent(shape, result.extents[0]);
    }
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(shape);
    if (count > static_cast<Py_ssize_t>(result.extents.size())) return false;
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* item = PySequence_Fast_GET_ITEM(shape, i);
        if (!read_plain_extent(item, result.extents[static_cast<std::size_t>(i)])) return false;
    }
    result.dimensions = static_cast<int>(count);
    return true;
}

// Rows of a few words: a call to compare them would take longer.
template <class Item>
bool same_row(const Item* one, const Item* other, Py_ssize_t length) noexcept {
    for (Py_ssize_t i = 0; i < length; ++i) {
        if (one[i] != other[i]) return false;
    }
    return true;
}

bool same_names(PyObject* one, PyObject* other) noexcept {
    if (one == other) return true;  // of the same place in the program
    if (one == nullptr || other == nullptr || PyTuple_GET_SIZE(one) != PyTuple_GET_SIZE(other)) return false;
    const auto items = [](PyObject* tuple) { return reinterpret_cast<PyTupleObject*>(tuple)->ob_item; };
    return same_row(items(one), items(other), PyTuple_GET_SIZE(one));
}

/// NumPy's own number types, of which there is one descriptor each that lives for ever.
bool is_builtin_number(PyArray_Descr* descr) noexcept {
    const int number = descr->type_num;
    if (!PyTypeNum_ISNUMBER(number) && !PyTypeNum_ISBOOL(number)) return false;
    PyArray_Descr* builtin = PyArray_DescrFromType(number);
    Py_XDECREF(reinterpret_cast<PyObject*>(builtin));
    return builtin == descr;
}

std::size_t set_of(const PlainShape& shape) noexcept {
    return hash_shape(0, shape.extents.data(), shape.dimensions) >> (64 - RequestCache::kSetBits);
}

/// Whether the object means the same for ever: it is a value, a class written in C, or the descriptor itself.
bool is_plain(PyObject* argument, const ArrayRequest& request) noexcept {
    if (argument == reinterpret_cast<PyObject*>(request.spec.descr)) return true;
    if (PyType_CheckExact(argument))
        return (reinterpret_cast<PyTypeObject*>(argument)->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0;
    return argument == Py_None || PyBool_Check(argument) || PyLong_CheckExact(argument) ||
           PyUnicode_CheckExact(argument);
}

}  // namespace

static_assert(std::is_trivially_destructible_v<RequestCache>);
RequestCache known_requests;

const ArrayRequest* RequestCache::find(PyObject* const* arguments, Py_ssize_t positional,
                                       PyObject* names) const noexcept {
    const Py_ssize_t count = positional + (names != nullptr ? PyTuple_GET_SIZE(names) : 0);
    PlainShape shape;
    if (count == 0 || !read_plain_shape(arguments[0], shape)) return nullptr;
    const Set& set = sets_[set_of(shape)];
    for (const Entry& entry : set.entries) {
        if (entry.count != count || entry.positional != positional) continue;
        const ArraySpec& spec = entry.request.spec;
        if (spec.dimensions != shape.dimensions || !same_names(entry.names, names)) continue;
        if (same_row(shape.extents.data(), spec.shape.data(), shape.dimensions) &&
            same_row(arguments + 1, entry.arguments.data() + 1, count - 1)) {
            return &entry.request;
        }
    }
    return nullptr;
}

void RequestCache::remember(PyObject* const* arguments, Py_ssize_t positional, PyObject* names,
                            const ArrayRequest& request) noexcept {
    const Py_ssize_t named = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
    const Py_ssize_t count = positional + named;
    // Nearly every call names its shape first, and only there find() looks for it.
    const bool shape_first = positional > 0 || PyTuple_GET_ITEM(names, 0) == shape_name();
    PlainShape shape;
    if (!shape_first || !read_plain_shape(arguments[0], shape) || !is_builtin_number(request.spec.descr))
        return;
    for (Py_ssize_t i = 1; i < count; ++i) {
        if (!is_plain(arguments[i], request)) return;
    }
    for (Py_ssize_t i = 0; i < named; ++i) {
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(names, i))) return;
    }
    Set& set = sets_[set_of(shape)];
    Entry& entry = set.entries[set.next];
    set.next = (set.next + 1) % kWays;
    Py_XSETREF(entry.names, Py_XNewRef(names));
    for (std::size_t i = 1; i < entry.arguments.size(); ++i) {
        Py_XSETREF(entry.arguments[i],
                   i < static_cast<std::size_t>(count) ? Py_NewRef(arguments[i]) : nullptr);
    }
    entry.positional = positional;
    entry.count = count;
    entry.request = request;
}

}  // namespace numapool_python
