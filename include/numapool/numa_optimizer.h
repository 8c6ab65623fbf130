// Owns: a thread's relation to the nodes: which there are, binding to one, and what the pool did on each.
// Must not know: arenas or how the pool is built.
#pragma once

#include <map>
#include <vector>

#include "numapool/export.h"
#include "numapool/memory_pool.h"
#include "numapool/node_binding.h"
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
    /// Binds the calling thread to `node` until unbind_thread(), by the rules of NodeBinding, which is also
    /// the way to bind it for the length of a scope. Throws as NodeBinding's constructor.
    void bind_thread_to_node(int node) const;
    /// Brings back the CPUs and the memory policy that the calling thread had before the first binding that
    /// was kept; nothing happens if there was none. Throws PlacementError (kBindingRefused) if the system
    /// refuses.
    static void unbind_thread();
    /// The pool's figures for each node of get_numa_nodes(), also for those not used yet, and for nodes
    /// without CPUs that the pool can take memory from; interleaved memory is left out.
    std::map<int, NodeStatistics> get_numa_statistics() const;

private:
    MemoryPool* pool_;
};

}  // namespace numapool
