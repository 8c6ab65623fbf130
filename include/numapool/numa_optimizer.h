// Owns: a thread's relation to the nodes: which there are, binding to one, and what the pool did on each.
// Must not know: arenas or how the pool is built.
#pragma once

#include <map>
#include <vector>

#include "numapool/export.h"
#include "numapool/memory_pool.h"
#include "numapool/statistics.h"

namespace numapool {

/// NUMA helpers around one pool, which must outlive this object.
///
/// Thread safety: all functions may be called from any thread; binding concerns the calling thread only.
class NUMAPOOL_API NumaOptimizer {
public:
    explicit NumaOptimizer(MemoryPool& pool) noexcept : pool_(&pool) {}

    /// The nodes that a thread can be bound to and memory taken from, ascending; at least one.
    std::vector<int> get_numa_nodes() const;
    /// Binds the calling thread to those of `node`'s CPUs that this process was allowed when the library
    /// first looked; earlier bindings do not narrow them. Memory follows by itself: requests for the current
    /// node are served from the node that the thread runs on. Throws ArgumentError (kInvalidNode) for a node
    /// without such CPUs, PlacementError (kBindingRefused) if the system refuses.
    void bind_thread_to_node(int node) const;
    /// The pool's figures for each node of get_numa_nodes(), also for those not used yet; interleaved memory
    /// is left out.
    std::map<int, NodeStatistics> get_numa_statistics() const;

private:
    MemoryPool* pool_;
};

}  // namespace numapool
