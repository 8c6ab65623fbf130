// Owns: which CPUs the calling thread may run on.
// Must not know: memory policies; hwloc's types.
#include "topology/cpu_binding.h"

#include <cerrno>
#include <new>
#include <optional>
#include <utility>

#include "base/made_once.h"
#include "topology/hwloc_topology.h"

namespace numapool::topology {
namespace {

constinit base::MadeOnce<HwlocTopology> machine;

/// nullptr if hwloc failed.
const HwlocTopology* binder() noexcept {
    return machine.get([]() noexcept -> const HwlocTopology* {
        std::optional<HwlocTopology> loaded = HwlocTopology::load_machine();
        return loaded ? new (std::nothrow) HwlocTopology(std::move(*loaded)) : nullptr;
    });
}

}  // namespace

int bind_thread(const Topology& topology, int node) noexcept {
    const NumaNode* const found = topology.find(node);
    return found != nullptr ? bind_thread_to_cpus(found->cpus) : ENODEV;
}

int bind_thread_to_cpus(std::span<const int> cpus) noexcept {
    if (cpus.empty()) return ENODEV;
    const HwlocTopology* const found = binder();
    return found != nullptr ? found->bind_calling_thread(cpus) : ENOSYS;
}

std::vector<int> current_cpus() {
    const HwlocTopology* const found = binder();
    return found != nullptr ? found->calling_thread_cpus() : std::vector<int>{};
}

void lock_binding() noexcept { machine.lock(); }
void unlock_binding() noexcept { machine.unlock(); }

}  // namespace numapool::topology
