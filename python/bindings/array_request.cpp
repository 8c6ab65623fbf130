// Owns: the parsing behind array_request.h.
// Must not know: pools.
#include "array_request.h"

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "python_errors.h"

namespace numapool_python {
namespace {

enum Argument : std::size_t { kShape, kDtype, kNumaNode, kOrder, kAlignment, kZeroed, kBind, kArguments };
static_assert(kArguments == kMostArguments);
constexpr std::size_t kPositional = 3;
constexpr std::array<const char*, kArguments> kNames = {"shape",     "dtype",  "numa_node", "order",
                                                        "alignment", "zeroed", "bind"};
std::array<PyObject*, kArguments> names_interned{};

// Programs ask for the same few scalar types (np.float32, float) for ever: their descriptors are kept. Such
// types are immutable, so what they stand for never changes.
struct KnownDtype {
    PyObject* type = nullptr;
    PyArray_Descr* descr = nullptr;
};
std::array<KnownDtype, 16> known_dtypes{};

std::size_t name_index(PyObject* name) noexcept {
    for (std::size_t i = 0; i < kArguments; ++i) {
        if (name == names_interned[i]) return i;
    }
    for (std::size_t i = 0; i < kArguments; ++i) {
        if (PyUnicode_Compare(name, names_interned[i]) == 0) return i;
    }
    return kArguments;
}

bool collect(PyObject* const* arguments, Py_ssize_t positional, PyObject* names,
             std::array<PyObject*, kArguments>& values) noexcept {
    if (positional > static_cast<Py_ssize_t>(kPositional)) {
        PyErr_Format(PyExc_TypeError,
                     "get_buffer() takes at most %zu positional arguments (%zd given): shape, dtype, "
                     "numa_node",
                     kPositional, positional);
        return false;
    }
    for (Py_ssize_t i = 0; i < positional; ++i) values[static_cast<std::size_t>(i)] = arguments[i];
    const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < named; ++i) {
        PyObject* name = PyTuple_GET_ITEM(names, i);
        const std::size_t index = name_index(name);
        if (index == kArguments) {
            PyErr_Format(PyExc_TypeError, "get_buffer() got an unexpected keyword argument '%U'", name);
            return false;
        }
        if (values[index] != nullptr) {
            PyErr_Format(PyExc_TypeError, "get_buffer() got multiple values for argument '%U'", name);
            return false;
        }
        values[index] = arguments[positional + i];
    }
    if (values[kShape] == nullptr) {
        PyErr_SetString(PyExc_TypeError, "get_buffer() missing required argument 'shape'");
        return false;
    }
    return true;
}

bool read_extent(PyObject* item, npy_intp& extent) {
    if (!PyIndex_Check(item)) {
        PyErr_Format(errors.type, "dimension %R in the shape; an integer is needed", item);
        return false;
    }
    extent = PyNumber_AsSsize_t(item, PyExc_OverflowError);
    if (extent == -1 && PyErr_Occurred() != nullptr) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            PyErr_Format(errors.value, "dimension %R is too large; the array's bytes must stay below 2^63",
                         item);
        }
        return false;
    }
    if (extent < 0) {
        PyErr_Format(errors.value, "negative dimension %zd in the shape; each must be 0 or more", extent);
        return false;
    }
    return true;
}

bool read_shape(PyObject* shape, ArraySpec& spec) {
    const bool list_of_extents =
        PyArray_Check(shape) && PyArray_NDIM(reinterpret_cast<PyArrayObject*>(shape)) != 0;
    if (PyIndex_Check(shape) && !list_of_extents) {
        spec.dimensions = 1;
        return read_extent(shape, spec.shape[0]);
    }
    if (!PySequence_Check(shape) || PySequence_Size(shape) < 0) {  // an endless iterator is none
        PyErr_Clear();
        PyErr_Format(errors.type, "shape is %R; an integer or a sequence of integers is needed", shape);
        return false;
    }
    // A tuple of its own: an extent's __index__ may change a list while it is read.
    PyObject* items = PyTuple_CheckExact(shape) ? Py_NewRef(shape) : PySequence_Tuple(shape);
    if (items == nullptr) return false;
    const Py_ssize_t count = PyTuple_GET_SIZE(items);
    bool good = count <= NPY_MAXDIMS;
    if (!good) {
        PyErr_Format(errors.value, "a shape of %zd dimensions; at most %d are possible", count, NPY_MAXDIMS);
    }
    for (Py_ssize_t i = 0; good && i < count; ++i) {
        good = read_extent(PyTuple_GET_ITEM(items, i), spec.shape[static_cast<std::size_t>(i)]);
    }
    spec.dimensions = static_cast<int>(count);
    Py_DECREF(items);
    return good;
}

/// A reference.
PyArray_Descr* read_dtype(PyObject* dtype) {
    if (dtype == nullptr) return PyArray_DescrFromType(NPY_FLOAT64);
    if (PyArray_DescrCheck(dtype)) return reinterpret_cast<PyArray_Descr*>(Py_NewRef(dtype));
    if (!PyType_Check(dtype)) {
        PyArray_Descr* descr = nullptr;
        return PyArray_DescrConverter(dtype, &descr) == NPY_SUCCEED ? descr : nullptr;
    }
    KnownDtype& known = known_dtypes[(reinterpret_cast<std::uintptr_t>(dtype) >> 6) % known_dtypes.size()];
    if (known.type == dtype) {
        return reinterpret_cast<PyArray_Descr*>(Py_NewRef(reinterpret_cast<PyObject*>(known.descr)));
    }
    PyArray_Descr* descr = nullptr;
    if (PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(dtype), &PyArrayDescr_Type) != 0) {
        return reinterpret_cast<PyArray_Descr*>(
            PyObject_CallNoArgs(dtype));  // a class such as np.dtypes.Float64DType
    }
    if (PyArray_DescrConverter(dtype, &descr) != NPY_SUCCEED) return nullptr;
    const auto* type = reinterpret_cast<PyTypeObject*>(dtype);
    const bool immutable = (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0;
    if (known.type == nullptr && immutable && PyDataType_ELSIZE(descr) != 0) {
        known = {Py_NewRef(dtype),
                 reinterpret_cast<PyArray_Descr*>(Py_NewRef(reinterpret_cast<PyObject*>(descr)))};
    }
    return descr;
}

bool check_dtype(OwnedArrayRequest& result) {
    PyArray_Descr* descr = result.spec.descr;
    if (PyDataType_FLAGCHK(descr, NPY_ITEM_REFCOUNT) || PyDataType_FLAGCHK(descr, NPY_ITEM_HASOBJECT)) {
        PyErr_Format(errors.type,
                     "dtype %R holds references to Python objects; a dtype of plain bytes is needed", descr);
        return false;
    }
    // Text: any bytes would not do, so NumPy's own empty arrays of it are zeroed too.
    if (PyDataType_FLAGCHK(descr, NPY_NEEDS_INIT)) result.request.zeroed = true;
    if (PyDataType_ELSIZE(descr) != 0) return true;
    // NumPy gives an unsized dtype the size that an array of it has.
    npy_intp nothing = 0;
    result.spec.descr = nullptr;  // the call takes the reference over
    auto* sample = reinterpret_cast<PyArrayObject*>(PyArray_Empty(1, &nothing, descr, 0));
    if (sample == nullptr) return false;
    result.spec.descr =
        reinterpret_cast<PyArray_Descr*>(Py_NewRef(reinterpret_cast<PyObject*>(PyArray_DESCR(sample))));
    Py_DECREF(sample);
    return true;
}

bool read_order(PyObject* order, bool& fortran) {
    const std::string_view word = text_of(order);
    if (word == "C" || word == "F") {
        fortran = word == "F";
        return true;
    }
    PyErr_Format(errors.value, "order is %R; \"C\" or \"F\" is needed", order);
    return false;
}

bool read_alignment(PyObject* object, std::size_t& alignment) {
    if (!PyIndex_Check(object)) {
        PyErr_Format(errors.type, "alignment is %R; an integer is needed", object);
        return false;
    }
    const Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred() != nullptr && !PyErr_ExceptionMatches(PyExc_OverflowError))
        return false;
    PyErr_Clear();
    const auto bytes = static_cast<std::size_t>(value);
    if (value <= 0 || (bytes & (bytes - 1)) != 0 || bytes > numapool::kMaxAlignment) {
        PyErr_Format(errors.value, "alignment is %R; a power of two from 1 to %zu is needed", object,
                     numapool::kMaxAlignment);
        return false;
    }
    alignment = bytes < numapool::kMinAlignment ? numapool::kMinAlignment : bytes;
    return true;
}

/// The integers of a sequence that is an attribute; those that no int holds become -1, which no caller takes.
bool read_integers(PyObject* object, const char* attribute, std::vector<int>& integers) {
    PyObject* sequence = PyObject_GetAttrString(object, attribute);
    PyObject* items = sequence != nullptr ? PySequence_Tuple(sequence) : nullptr;
    Py_XDECREF(sequence);
    if (items == nullptr) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items) && PyErr_Occurred() == nullptr; ++i) {
        int overflow = 0;
        const long value = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(items, i), &overflow);
        integers.push_back(overflow != 0 || value < 0 || value > 1 << 20 ? -1 : static_cast<int>(value));
    }
    Py_DECREF(items);
    return PyErr_Occurred() == nullptr;
}

bool multiply_out(ArraySpec& spec) {
    std::size_t bytes = static_cast<std::size_t>(PyDataType_ELSIZE(spec.descr));
    bool overflow = false;
    bool empty = bytes == 0;
    for (int i = 0; i < spec.dimensions; ++i) {
        const auto extent = static_cast<std::size_t>(spec.shape[static_cast<std::size_t>(i)]);
        if (extent == 0) empty = true;
        if (extent != 0) overflow |= __builtin_mul_overflow(bytes, extent, &bytes);
    }
    // As NumPy: even an empty array's non-zero extents must have a product.
    if (overflow || bytes > static_cast<std::size_t>(PY_SSIZE_T_MAX)) {
        PyErr_Format(errors.value,
                     "the shape's bytes overflow (items of %zd bytes); they must stay below 2^63",
                     static_cast<Py_ssize_t>(PyDataType_ELSIZE(spec.descr)));
        return false;
    }
    spec.bytes = empty ? 0 : bytes;
    return true;
}

}  // namespace

std::string_view text_of(PyObject* object) noexcept {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, &length) : nullptr;
    PyErr_Clear();
    return text == nullptr ? std::string_view() : std::string_view(text, static_cast<std::size_t>(length));
}

bool prepare_array_requests() noexcept {
    for (std::size_t i = 0; i < kArguments; ++i) {
        names_interned[i] = PyUnicode_InternFromString(kNames[i]);
        if (names_interned[i] == nullptr) return false;
    }
    return true;
}

PyObject* shape_name() noexcept { return names_interned[kShape]; }

bool read_placement(PyObject* numa_node, numapool::Placement& placement) {
    if (numa_node == nullptr || numa_node == Py_None) return true;
    if (PyIndex_Check(numa_node)) {
        const Py_ssize_t node = PyNumber_AsSsize_t(numa_node, PyExc_OverflowError);
        if (node == -1 && PyErr_Occurred() != nullptr && !PyErr_ExceptionMatches(PyExc_OverflowError))
            return false;
        const bool overflow = PyErr_Occurred() != nullptr;
        PyErr_Clear();
        if (overflow || node < 0 || node > 1023) {
            PyErr_Format(errors.value, "numa_node is %R; nodes are numbered 0 to 1023", numa_node);
            return false;
        }
        placement = numapool::Placement::on_node(static_cast<int>(node));
        return true;
    }
    std::vector<int> nodes;
    std::vector<int> weights;
    if (!read_integers(numa_node, "nodes", nodes) || !read_integers(numa_node, "weights", weights)) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_TypeError))
            return false;
        PyErr_Clear();
        PyErr_Format(errors.type, "numa_node is %R; a node number, None or an Interleave is needed",
                     numa_node);
        return false;
    }
    try {
        placement = numapool::Placement::interleave(nodes, weights);
        return true;
    } catch (...) {
        set_error_from_exception();
        return false;
    }
}

bool read_bind_mode(PyObject* word, numapool::BindMode& mode) {
    const auto parsed = numapool::parse_bind_mode(text_of(word));
    if (!parsed) {
        PyErr_Format(errors.value, "bind is %R; \"none\", \"advisory\" or \"strict\" is needed", word);
        return false;
    }
    mode = *parsed;
    return true;
}

bool read_array_request(PyObject* const* arguments, Py_ssize_t positional, PyObject* names,
                        OwnedArrayRequest& result) {
    std::array<PyObject*, kArguments> values{};
    if (!collect(arguments, positional, names, values)) return false;
    ArraySpec& spec = result.spec;
    spec.descr = read_dtype(values[kDtype]);
    if (spec.descr == nullptr || !check_dtype(result)) return false;
    if (!read_shape(values[kShape], spec) || !multiply_out(spec)) return false;
    if (PyDataType_HASSUBARRAY(spec.descr)) {
        const int inner = static_cast<int>(PyTuple_GET_SIZE(PyDataType_SUBARRAY(spec.descr)->shape));
        if (spec.dimensions + inner > NPY_MAXDIMS) {
            PyErr_Format(errors.value,
                         "a shape of %d dimensions, and %d of the dtype; at most %d are possible",
                         spec.dimensions, inner, NPY_MAXDIMS);
            return false;
        }
    }
    if (values[kNumaNode] != nullptr && !read_placement(values[kNumaNode], result.request.placement))
        return false;
    if (values[kOrder] != nullptr && !read_order(values[kOrder], spec.fortran)) return false;
    if (values[kAlignment] != nullptr && !read_alignment(values[kAlignment], spec.alignment)) return false;
    result.request.alignment = spec.alignment;
    if (values[kZeroed] != nullptr) {
        const int truth = PyObject_IsTrue(values[kZeroed]);
        if (truth < 0) return false;
        result.request.zeroed |= truth != 0;
    }
    if (values[kBind] != nullptr && values[kBind] != Py_None) {
        numapool::BindMode mode{};
        if (!read_bind_mode(values[kBind], mode)) return false;
        result.request.bind = mode;
    }
    const std::uint64_t hash =
        hash_shape(reinterpret_cast<std::uintptr_t>(spec.descr), spec.shape.data(), spec.dimensions);
    spec.bucket = static_cast<std::uint8_t>(hash >> (64 - ArraySpec::kBucketBits));
    return true;
}

}  // namespace numapool_python
