// Owns: the functions behind node_binding.h.
// Must not know: what the Python class around them offers.
#include "node_binding.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "numapool/node_binding.h"
#include "numapool/numa_optimizer.h"

namespace nb = nanobind;

namespace numapool_python {

void add_node_binding(nb::module_& module) {
    using numapool::NodeBinding;
    nb::class_<NodeBinding>(module, "NodeBinding", "A binding that stays when this object goes.")
        .def("undo", &NodeBinding::undo, "Bring back what the thread had before.")
        .def_prop_ro("node", &NodeBinding::node, "int: The node.")
        .def_prop_ro("cpus", &NodeBinding::cpus, "list of int: The CPUs that the thread was bound to.")
        .def_prop_ro("note", &NodeBinding::note, "str: What was respected or refused; may be empty.");
    module.def(
        "bind_thread",
        [](int node) {
            NodeBinding binding(node);
            binding.keep();
            return binding;
        },
        nb::arg("node"), "Bind the calling thread to a node until it is undone.");
    module.def("current_node", &numapool::current_node,
               "Return the node of the CPU that the calling thread runs on at this moment.");
    module.def("unbind_thread", &numapool::NumaOptimizer::unbind_thread,
               "Undo all bindings of the calling thread.");
}

}  // namespace numapool_python
