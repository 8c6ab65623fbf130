// Owns: which CPUs the calling thread may run on.
// Must not know: memory policies; hwloc's types.
#include "topology/cpu_binding.h"

#include <cerrno>
#include <new>
#include <optional>
#include <utility>

#include "topology/hwloc_topology.h"

namespace numapool::topology {
namespace {

// Loaded once and never destroyed: threads may still bind while the process ends. nullptr if hwloc failed.
const HwlocTopology* binder() noexcept {
    static const HwlocTopology* const machine = []() noexcept -> const HwlocTopology* {
        std::optional<HwlocTopology> loaded = HwlocTopology::load_machine();
        return loaded ? new (std::nothrow) HwlocTopology(std::move(*loaded)) : nullptr;
    }();
    return machine;
}

}  // namespace

int bind_thread(const Topology& topology, int node) noexcept {
    const NumaNode* const found = topology.find(node);
    return found != nullptr ? bind_thread_to_cpus(found->cpus) : ENODEV;
}

int bind_thread_to_cpus(std::span<const int> cpus) noexcept {
    if (cpus.empty()) return ENODEV;
    const HwlocTopology* const machine = binder();
    return machine != nullptr ? machine->bind_calling_thread(cpus) : ENOSYS;
}

std::vector<int> current_cpus() {
    const HwlocTopology* const machine = binder();
    return machine != nullptr ? machine->calling_thread_cpus() : std::vector<int>{};
}

}  // namespace numapool::topology
