// Owns: the second part of `numapool prove`: how fast each node's CPUs read each node's memory.
// Must not know: how that is shown.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "numapool/page_map.h"

#include "deadline.h"
#include "prove_machine.h"
#include "samples.h"

namespace numapool_cli {

/// The pooled buffer on one node that is read.
struct SpeedBuffer {
    int node = 0;
    std::size_t bytes = 0;
    std::size_t chain_bytes = 0;  ///< the part through which latency is measured
    numapool::PageMap found = {};
    std::string dropped = {};  ///< why nothing was measured here; empty if it was

    bool verified() const;  ///< every page lies on `node`, by what found.evidence says
};

/// One node's CPUs reading one node's memory; a sample a round.
struct PairSpeed {
    int cpu_node = 0;
    int memory_node = 0;
    std::size_t threads = 0;
    std::vector<double> gib_per_second = {};
    std::vector<double> ns_per_load = {};
};

struct SpeedResult {
    std::vector<SpeedBuffer> buffers;
    std::vector<PairSpeed> pairs;  ///< by CPU node, then memory node
    std::size_t rounds = 0;        ///< that were begun
    double slice_seconds = 0.0;    ///< for which each sample was taken
    std::vector<std::string> notes;

    const SpeedBuffer* buffer_on(int node) const;
    const PairSpeed* pair(int cpu_node, int memory_node) const;
};

/// Bandwidth: all CPUs of the node at once, each reading a part of its own, summed up as in the read kernel
/// of lmbench's bw_mem and in STREAM's spirit. Latency: one thread follows a chain of pointers that visits
/// each cache line once, in random order, as lmbench's lat_mem_rd does; each load needs the one before.
/// Rounds go through all pairs in turn, so that a disturbance does not fall on one pair alone.
SpeedResult prove_speed(const ProveMachine& machine, const Deadline& deadline, bool quick);

}  // namespace numapool_cli
