// Owns: the module's table of contents.
// Must not know: how anything in it works.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#define NUMAPOOL_IMPORTS_NUMPY
#include "numapool/numapool.h"

#include "array_request.h"
#include "block_owner.h"
#include "numpy_api.h"
#include "pool_object.h"
#include "python_errors.h"
#include "python_log.h"

namespace nb = nanobind;

NB_MODULE(_core, m) {
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

    nb::class_<numapool::PageMap>(m, "PageMap",
                                  "On which node the pages of an array lie; see numapool.where.")
        .def_ro("pages_on", &numapool::PageMap::pages_on,
                "dict of int to int: node number to pages that lie there.")
        .def_ro("absent", &numapool::PageMap::absent, "int: Pages without memory behind them yet.")
        .def_ro("unknown", &numapool::PageMap::unknown, "int: Pages that the kernel would not tell about.")
        .def_ro("page_bytes", &numapool::PageMap::page_bytes, "int: Bytes of one page.")
        .def_prop_ro("total", &numapool::PageMap::total, "int: All pages.")
        .def("__repr__", [](const numapool::PageMap& map) { return numapool::to_string(map); });
    m.def(
        "where",
        [](std::uintptr_t address, std::size_t bytes) {
            const nb::gil_scoped_release unlocked;
            return numapool::where(reinterpret_cast<const void*>(address), bytes);
        },
        nb::arg("address"), nb::arg("bytes"), "Look up the pages of `bytes` bytes from `address` on.");
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
}
