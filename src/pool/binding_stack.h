// Owns: what each thread had before each of its bindings, so that they can be undone in any order.
// Must not know: nodes; how a binding is chosen; who is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "os/memory_policy.h"

namespace numapool::detail {

/// What a binding changes of a thread.
struct ThreadState {
    std::vector<int> cpus;                   ///< ascending; empty if not known
    std::optional<os::ThreadPolicy> policy;  ///< nothing where the binding left it alone
};

/// The bindings of one thread that are in force. Only its own thread uses it.
class BindingStack {
public:
    /// Null once the thread's storage is being destroyed.
    static BindingStack* of_this_thread() noexcept;

    /// Has the next push succeed; may throw std::bad_alloc.
    void make_room() { entries_.reserve(entries_.size() + 1); }
    /// Enters a binding after make_room(); returns its id, never 0 and unique in the process.
    std::uint64_t push(ThreadState before) noexcept;
    /// The state that undoing the newest binding brings back.
    ThreadState& before_newest() noexcept { return entries_.back().before; }
    /// Whether the id is of one of this thread's bindings, in force or not.
    bool made(std::uint64_t id) const noexcept { return (id & kThreadMask) == thread_; }

    /// Undoes a binding and the kept ones made since; where another was made since, that one stays in force
    /// and takes over what to bring back. 0 also if it is not in force any more; otherwise the errno with
    /// which the system refused, and the binding stays.
    int undo(std::uint64_t id) noexcept;
    /// Undoes all kept ones, by the same rule.
    int undo_kept() noexcept;
    /// The binding stays when its owner is gone.
    void keep(std::uint64_t id) noexcept;
    /// Its owner is gone. Bindings kept one after the other are then one, so that a loop does not grow this.
    void abandon(std::uint64_t id) noexcept;

    std::size_t size() const noexcept { return entries_.size(); }

private:
    struct Entry {
        std::uint64_t id = 0;
        ThreadState before;
        bool kept = false;
    };
    static constexpr std::uint64_t kThreadMask = 0xffffffff;  // the other half counts the thread's bindings

    std::size_t find(std::uint64_t id) const noexcept;
    int undo_at(std::size_t index) noexcept;

    std::vector<Entry> entries_;  // the oldest first
    std::uint64_t thread_ = 0;
    std::uint64_t made_ = 0;
};

}  // namespace numapool::detail
