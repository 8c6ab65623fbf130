// Owns: the module's table of contents.
// Must not know: how anything in it works.
#include <exception>
#include <memory>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#define NUMAPOOL_IMPORTS_NUMPY
#include "numapool/numapool.h"

#include "array_request.h"
#include "block_owner.h"
#include "call_place.h"
#include "interpreter_lock.h"
#include "node_binding.h"
#include "numpy_api.h"
#include "pool_object.h"
#include "python_errors.h"
#include "python_log.h"

namespace nb = nanobind;

namespace numapool_python {
namespace {

using Ranges = nb::ndarray<const std::uint64_t, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;

numapool::PageMap where(const Ranges& rows) {
    std::vector<numapool::ByteRange> ranges(rows.shape(0));
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        ranges[i] = {reinterpret_cast<const void*>(rows.data()[2 * i]), rows.data()[2 * i + 1]};
    }
    numapool::PageMap found;
    without_interpreter_lock([&] { found = numapool::where(ranges); });
    return found;
}

nb::tuple buffer_layout(nb::handle object) {
    Py_buffer view;
    if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_STRIDED_RO) != 0) throw nb::python_error();
    const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> release(&view, PyBuffer_Release);
    nb::list shape;
    nb::list strides;
    Py_ssize_t itemsize = view.itemsize;
    if (view.shape == nullptr || view.strides == nullptr) {  // ctypes leaves them out: one piece, then
        shape.append(view.len);
        strides.append(1);
        itemsize = 1;
    } else {
        for (int axis = 0; axis < view.ndim; ++axis) {
            shape.append(view.shape[axis]);
            strides.append(view.strides[axis]);
        }
    }
    return nb::make_tuple(reinterpret_cast<std::uintptr_t>(view.buf), shape, strides, itemsize);
}

}  // namespace
}  // namespace numapool_python

NB_MODULE(core_of_main_interpreter, m) {
    using namespace numapool_python;
    if (PyArray_ImportNumPyAPI() < 0 || !import_errors() || !prepare_array_requests() ||
        !make_block_owner_type()) {
        throw nb::python_error();
    }
    PyObject* pool_type = make_pool_type();
    if (pool_type == nullptr) throw nb::python_error();
    m.attr("PoolBase") = nb::steal(pool_type);
    m.attr("BlockOwner") = nb::borrow(reinterpret_cast<PyObject*>(block_owner_type));
    m.attr("__version__") = numapool::version();

    m.def(
        "with_own_methods",
        [pool_type](const nb::type_object& type) {
            if (!give_own_methods(reinterpret_cast<PyTypeObject*>(type.ptr()),
                                  reinterpret_cast<PyTypeObject*>(pool_type))) {
                throw nb::python_error();
            }
            return type;
        },
        nb::arg("cls"), nb::sig("def with_own_methods(cls: type) -> type"),
        "Give a class derived from PoolBase the hot methods as its own: they are called faster so.");

    nb::class_<numapool::PageMap>(m, "PageMap",
                                  "On which node the pages of an array lie; see numapool.where.")
        .def_ro("pages_on", &numapool::PageMap::pages_on,
                "dict of int to int: node number to pages that lie there.")
        .def_ro("absent", &numapool::PageMap::absent, "int: Pages without memory behind them yet.")
        .def_ro("unknown", &numapool::PageMap::unknown, "int: Pages of which it is not known.")
        .def_prop_ro(
            "evidence",
            [](const numapool::PageMap& map) { return std::string(numapool::to_string(map.evidence)); },
            "str: The weakest that any page rests on: 'verified', 'by mapping' or 'unverified'.")
        .def_ro("page_bytes", &numapool::PageMap::page_bytes, "int: Bytes of one page.")
        .def_prop_ro("total", &numapool::PageMap::total, "int: All pages.")
        .def("__repr__", [](const numapool::PageMap& map) { return numapool::to_string(map); });
    m.attr("PAGE_BYTES") = numapool::where(nullptr, 0).page_bytes;
    m.def("where", where, nb::arg("ranges"),
          nb::sig("def where(ranges: numpy.typing.NDArray[numpy.uint64]) -> PageMap"),
          "Look up the pages of byte ranges: rows of address and bytes.");
    m.def("buffer_layout", buffer_layout, nb::arg("buffer").none(),
          nb::sig("def buffer_layout(buffer: object) -> tuple[int, list[int], list[int], int]"),
          "Address, shape, strides (bytes) and bytes of an item of an object with the buffer protocol.");
    nb::register_exception_translator([](const std::exception_ptr& error, void*) {
        try {
            std::rethrow_exception(error);
        } catch (const numapool::PoolError&) {
            set_error_from_exception();
        }
    });
    add_node_binding(m);
    m.def(
        "workload_options",
        [](const std::string& word) {
            nb::object result = nb::none();
            if (const auto workload = numapool::parse_workload(word)) {
                const auto options = numapool::PoolOptions::for_workload(*workload);
                nb::dict entries;
                entries["max_buffers"] = options.max_buffers;
                entries["cleanup_threshold"] = options.cleanup_threshold;
                entries["enable_monitoring"] = options.enable_monitoring;
                result = entries;
            }
            return result;
        },
        nb::arg("workload"), nb::sig("def workload_options(workload: str) -> dict | None"),
        "The options of a preset; None for an unknown one.");
    send_log_to_python();
    name_python_places();
}

// Types, names and waiting arrays are the process's, and so are nanobind's records, which a second import,
// refused or not, would replace: nothing of either may run in a subinterpreter.
extern "C" NB_EXPORT PyObject* PyInit__core(void) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(
            PyExc_ImportError,
            "numapool cannot be imported in a subinterpreter; import it in the main interpreter, or "
            "start a process of its own");
        return nullptr;
    }
    return PyInit_core_of_main_interpreter();
}
