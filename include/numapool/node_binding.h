// Owns: one binding of one thread to a node, which can be undone (RAII).
// Must not know: pools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numapool/errors.h"
#include "numapool/export.h"

namespace numapool {

/// Binds the calling thread to a node while it lives: the thread runs on the node's CPUs only, and memory
/// that no other policy covers comes from the node, or from others when it is full.
///
/// What a launcher (taskset, numactl, mpirun, a cpuset) left to the process is never widened: the thread gets
/// those of the node's CPUs that the process was allowed when the library first looked, and a memory policy
/// that the process was started with stays. note() tells in words what was respected. Earlier bindings do not
/// narrow a later one.
///
/// Bindings nest: undoing one brings back exactly the CPUs and the memory policy from before it. One that is
/// undone before a later one of the same thread leaves the thread with the later one, whose undoing then
/// brings back what was before both.
///
/// Thread safety: the thread that made a binding undoes it; the other functions may be called by any thread,
/// one at a time.
class NUMAPOOL_API NodeBinding {
public:
    /// Throws ArgumentError (kInvalidNode) for a node that does not exist or has no CPUs for this process,
    /// PlacementError (kBindingRefused) if the system refuses to bind the CPUs. Where only the memory policy
    /// is refused, the CPUs are bound all the same, note() says so, and a warning is told once.
    explicit NodeBinding(int node);
    NodeBinding(NodeBinding&& other) noexcept;
    NodeBinding& operator=(NodeBinding&& other) noexcept;
    NodeBinding(const NodeBinding&) = delete;
    NodeBinding& operator=(const NodeBinding&) = delete;
    /// Undoes the binding unless keep() was called. What cannot be undone, for instance by another thread,
    /// stays, and a warning is told.
    ~NodeBinding();

    /// Brings back what the thread had before; a second call does nothing. Kept bindings that were made since
    /// end with it. Throws PlacementError (kBindingRefused), and changes nothing, on another thread than the
    /// binding's, or if the system refuses.
    void undo();
    /// The binding outlives this object, until NumaOptimizer::unbind_thread; to be called on the thread that
    /// made it. undo() still works.
    void keep() noexcept;

    int node() const noexcept { return node_; }
    /// The CPUs that the thread was bound to, ascending.
    const std::vector<int>& cpus() const noexcept { return cpus_; }
    /// What of a launcher's settings was respected, or what the system refused, for instance "the launcher
    /// allows CPUs 0-1 of node 0's 0-3"; empty if there was nothing. Each kind is also told once through the
    /// log.
    const std::string& note() const noexcept { return note_; }

private:
    std::uint64_t id_ = 0;  ///< among the bindings of all threads; 0 once undone or moved from
    bool kept_ = false;
    int node_ = -1;
    std::vector<int> cpus_;
    std::string note_;
};

}  // namespace numapool
