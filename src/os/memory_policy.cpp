// Owns: the calls behind memory_policy.h.
// Must not know: arenas, topology.
#include "os/memory_policy.h"

#include <linux/mempolicy.h>

#include <cerrno>

#include "os/system_calls.h"

namespace numapool::os {
namespace {

int bind(std::uintptr_t address, std::size_t bytes, int mode, const NodeMask& nodes) noexcept {
    // One bit more than the mask: the kernel reads one less than it is told.
    const long result = counted_calls().bind(reinterpret_cast<void*>(address), bytes, mode, nodes.words(),
                                             NodeMask::kMaxNodes + 1);
    return result == 0 ? 0 : errno;
}

}  // namespace

int prefer_node(std::uintptr_t address, std::size_t bytes, int node) noexcept {
    NodeMask mask;
    mask.add(node);
    return bind(address, bytes, MPOL_PREFERRED, mask);
}

int interleave_nodes(std::uintptr_t address, std::size_t bytes, const NodeMask& nodes) noexcept {
    return bind(address, bytes, MPOL_INTERLEAVE, nodes);
}

int locate_pages(std::span<void*> pages, std::span<int> nodes) noexcept {
    return counted_calls().locate(pages.size(), pages.data(), nodes.data()) == 0 ? 0 : errno;
}

int current_node() noexcept { return system_calls().node_of_cpu(); }

}  // namespace numapool::os
