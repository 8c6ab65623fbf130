// Owns: a thread's binding as Python sees it.
// Must not know: what the Python class around it offers.
#pragma once

#include <nanobind/nanobind.h>

namespace numapool_python {

/// Adds bind_thread, unbind_thread and the type NodeBinding to the module.
void add_node_binding(nanobind::module_& module);

}  // namespace numapool_python
