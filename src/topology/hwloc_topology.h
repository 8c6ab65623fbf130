// Owns: one loaded hwloc topology, and all that is asked of hwloc.
// Must not know: what /sys and /proc say beside hwloc; who asks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "numapool/topology.h"

struct hwloc_topology;

namespace numapool::topology {

/// For instance "hwloc 2.9.0".
const char* hwloc_name() noexcept;

/// A loaded topology. Move-only. Any thread may call the const functions.
class HwlocTopology {
public:
    /// The running machine, or what hwloc's own environment variables (HWLOC_XMLFILE, HWLOC_FSROOT) put in
    /// its place. Nothing if hwloc cannot load it.
    static std::optional<HwlocTopology> load_machine() noexcept;
    /// A machine in hwloc's synthetic syntax; nothing if it cannot be read.
    static std::optional<HwlocTopology> load_described(const std::string& description) noexcept;

    HwlocTopology(HwlocTopology&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    HwlocTopology& operator=(HwlocTopology&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    HwlocTopology(const HwlocTopology&) = delete;
    HwlocTopology& operator=(const HwlocTopology&) = delete;
    ~HwlocTopology();

    bool is_this_machine() const noexcept;
    /// Ascending by id, with id, cpus, total_bytes and allowed set. `cpus` are those near the node that any
    /// thread of this process may run on; hwloc counts a CPU near several nodes if one of them has no CPUs of
    /// its own.
    std::vector<NumaNode> nodes() const;
    /// Latencies between `nodes` in their order; empty unless all are known.
    std::vector<std::vector<std::uint64_t>> distances(const std::vector<NumaNode>& nodes) const;

    /// Lets the calling thread run on `cpus` only. 0, or the errno value of what was wrong.
    int bind_calling_thread(std::span<const int> cpus) const noexcept;
    /// The CPUs that the calling thread may run on, ascending; empty if the system does not tell.
    std::vector<int> calling_thread_cpus() const;

private:
    explicit HwlocTopology(hwloc_topology* handle) noexcept : handle_(handle) {}
    static std::optional<HwlocTopology> load(const char* description) noexcept;

    hwloc_topology* handle_ = nullptr;
};

}  // namespace numapool::topology
