// Owns: one loaded hwloc topology, and all that is asked of hwloc.
// Must not know: what /sys and /proc say beside hwloc; who asks.
#include "topology/hwloc_topology.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>

#include <hwloc.h>
#include <hwloc/linux.h>

namespace numapool::topology {
namespace {

struct FreeBitmap {
    void operator()(hwloc_bitmap_t bitmap) const noexcept { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

Bitmap new_bitmap() {
    Bitmap bitmap(hwloc_bitmap_alloc());
    if (!bitmap) throw std::bad_alloc();
    return bitmap;
}

std::vector<int> to_ids(hwloc_const_bitmap_t bitmap) {
    const int count = hwloc_bitmap_weight(bitmap);
    if (count < 0) return {};  // an endless set names no CPUs
    std::vector<int> ids;
    ids.reserve(static_cast<std::size_t>(count));
    for (int id = hwloc_bitmap_first(bitmap); id >= 0; id = hwloc_bitmap_next(bitmap, id)) ids.push_back(id);
    return ids;
}

// hwloc asks again and again, for ever larger sets, where the system refuses to say.
bool affinity_is_told() noexcept {
    cpu_set_t set;
    return ::sched_getaffinity(0, sizeof set, &set) == 0 || errno == EINVAL;  // more CPUs than it holds
}

// What the cgroup and the affinity of the process's threads leave; a thread bound to one node does not hide
// the nodes of the others.
Bitmap usable_cpus(hwloc_topology_t handle) {
    Bitmap usable = new_bitmap();
    if (hwloc_topology_is_thissystem(handle) != 1 || !affinity_is_told() ||
        hwloc_get_cpubind(handle, usable.get(), HWLOC_CPUBIND_PROCESS) != 0) {
        hwloc_bitmap_fill(usable.get());
    }
    hwloc_bitmap_and(usable.get(), usable.get(), hwloc_topology_get_allowed_cpuset(handle));
    return usable;
}

bool configure(hwloc_topology_t handle) noexcept {
    // DONT_CHANGE_BINDING: a library must not move its caller's thread from CPU to CPU to look around.
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED | HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
#if HWLOC_API_VERSION >= 0x00020800
    // Neither is needed, and both cost time.
    flags |= HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
    // Groups must stay: they tie nodes to their CPUs. NUMA nodes and CPUs cannot be filtered out.
    return hwloc_topology_set_all_types_filter(handle, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
           hwloc_topology_set_type_filter(handle, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE) == 0 &&
           hwloc_topology_set_flags(handle, flags) == 0;
}

}  // namespace

const char* hwloc_name() noexcept { return "hwloc " HWLOC_VERSION; }

std::optional<HwlocTopology> HwlocTopology::load(const char* description) noexcept {
    hwloc_topology_t handle = nullptr;
    if (hwloc_topology_init(&handle) != 0) return std::nullopt;
    HwlocTopology topology(handle);
    if (!configure(handle)) return std::nullopt;
    if (description != nullptr && hwloc_topology_set_synthetic(handle, description) != 0) return std::nullopt;
    if (hwloc_topology_load(handle) != 0) return std::nullopt;
    return topology;
}

std::optional<HwlocTopology> HwlocTopology::load_machine() noexcept { return load(nullptr); }

std::optional<HwlocTopology> HwlocTopology::load_described(const std::string& description) noexcept {
    return load(description.c_str());
}

HwlocTopology::~HwlocTopology() {
    if (handle_ != nullptr) hwloc_topology_destroy(handle_);
}

bool HwlocTopology::is_this_machine() const noexcept { return hwloc_topology_is_thissystem(handle_) == 1; }

std::vector<NumaNode> HwlocTopology::nodes() const {
    const Bitmap usable = usable_cpus(handle_);
    const Bitmap node_cpus = new_bitmap();
    const hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(handle_);
    std::vector<NumaNode> nodes;
    hwloc_obj_t object = nullptr;
    while ((object = hwloc_get_next_obj_by_type(handle_, HWLOC_OBJ_NUMANODE, object)) != nullptr) {
        hwloc_bitmap_and(node_cpus.get(), object->cpuset, usable.get());
        NumaNode node;
        node.id = static_cast<int>(object->os_index);
        node.cpus = to_ids(node_cpus.get());
        node.total_bytes = object->attr->numanode.local_memory;
        node.allowed = hwloc_bitmap_isset(allowed, object->os_index) != 0;
        nodes.push_back(std::move(node));
    }
    std::sort(nodes.begin(), nodes.end(), [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });
    return nodes;
}

std::vector<std::vector<std::uint64_t>> HwlocTopology::distances(const std::vector<NumaNode>& nodes) const {
    unsigned count = 1;
    hwloc_distances_s* found = nullptr;
    const int status = hwloc_distances_get_by_type(handle_, HWLOC_OBJ_NUMANODE, &count, &found,
                                                   HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0);
    if (status != 0 || count == 0 || found == nullptr) return {};
    const auto release = [this](hwloc_distances_s* matrix) { hwloc_distances_release(handle_, matrix); };
    const std::unique_ptr<hwloc_distances_s, decltype(release)> matrix(found, release);

    std::vector<std::size_t> rows;
    for (const NumaNode& node : nodes) {
        const auto is_node = [&](hwloc_obj_t object) {
            return static_cast<int>(object->os_index) == node.id;
        };
        const auto* const end = matrix->objs + matrix->nbobjs;
        const auto* const object = std::find_if(matrix->objs + 0, matrix->objs + matrix->nbobjs, is_node);
        if (object == end) return {};
        rows.push_back(static_cast<std::size_t>(object - matrix->objs));
    }
    std::vector<std::vector<std::uint64_t>> result;
    for (const std::size_t from : rows) {
        std::vector<std::uint64_t>& row = result.emplace_back();
        for (const std::size_t to : rows) row.push_back(matrix->values[from * matrix->nbobjs + to]);
    }
    return result;
}

int HwlocTopology::bind_calling_thread(std::span<const int> cpus) const noexcept {
    const Bitmap set(hwloc_bitmap_alloc());
    if (!set) return ENOMEM;
    for (const int cpu : cpus) {
        if (cpu < 0) return EINVAL;
        if (hwloc_bitmap_set(set.get(), static_cast<unsigned>(cpu)) != 0) return ENOMEM;
    }
    // Not hwloc_set_cpubind: it pretends to succeed when hwloc's environment has put another machine in
    // place.
    return hwloc_linux_set_tid_cpubind(handle_, 0, set.get()) == 0 ? 0 : errno;
}

std::vector<int> HwlocTopology::calling_thread_cpus() const {
    const Bitmap set = new_bitmap();
    if (!affinity_is_told() || hwloc_linux_get_tid_cpubind(handle_, 0, set.get()) != 0) return {};
    return to_ids(set.get());
}

}  // namespace numapool::topology
