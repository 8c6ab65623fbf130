// Owns: the entries behind binding_stack.h.
// Must not know: nodes; how a binding is chosen; who is told.
#include "pool/binding_stack.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "topology/cpu_binding.h"

namespace numapool::detail {
namespace {

// Has no destructor, so it can be asked after the stack of this thread is gone.
thread_local bool stack_is_gone = false;

struct Holder {
    BindingStack stack;
    ~Holder() { stack_is_gone = true; }
};

/// All or nothing.
int bring_back(const ThreadState& state) noexcept {
    std::vector<int> bound;
    try {
        if (state.policy) bound = topology::current_cpus();
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
    if (!state.cpus.empty()) {
        if (const int error = topology::bind_thread_to_cpus(state.cpus); error != 0) return error;
    }
    const int error = state.policy ? os::set_thread_policy(*state.policy) : 0;
    if (error != 0 && !state.cpus.empty()) topology::bind_thread_to_cpus(bound);
    return error;
}

}  // namespace

BindingStack* BindingStack::of_this_thread() noexcept {
    if (stack_is_gone) return nullptr;
    thread_local Holder holder;
    return &holder.stack;
}

std::uint64_t BindingStack::push(ThreadState before) noexcept {
    static std::atomic<std::uint64_t> threads{0};
    // Relaxed: only that numbers differ matters.
    if (thread_ == 0) thread_ = threads.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::uint64_t id = thread_ | ++made_ << 32;
    entries_.push_back({id, std::move(before), false});
    return id;
}

std::size_t BindingStack::find(std::uint64_t id) const noexcept {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [id](const Entry& entry) { return entry.id == id; });
    return static_cast<std::size_t>(found - entries_.begin());
}

int BindingStack::undo(std::uint64_t id) noexcept {
    const std::size_t index = find(id);
    return index == entries_.size() ? 0 : undo_at(index);
}

int BindingStack::undo_at(std::size_t index) noexcept {
    const auto from = entries_.begin() + static_cast<std::ptrdiff_t>(index);
    const auto later = std::find_if(from + 1, entries_.end(), [](const Entry& entry) { return !entry.kept; });
    // The oldest of those that end together knows the state before all of them; of the policy, the oldest
    // that changed it does.
    ThreadState before = std::move(from->before);
    for (auto entry = from + 1; entry != later && !before.policy; ++entry)
        before.policy = entry->before.policy;
    if (later == entries_.end()) {
        if (const int error = bring_back(before); error != 0) {
            from->before = std::move(before);
            return error;
        }
    } else {
        later->before.cpus = std::move(before.cpus);
        if (before.policy) later->before.policy = before.policy;
    }
    entries_.erase(from, later);
    return 0;
}

int BindingStack::undo_kept() noexcept {
    for (std::size_t index = 0; index < entries_.size();) {
        if (!entries_[index].kept) {
            ++index;
        } else if (const int error = undo_at(index); error != 0) {
            return error;
        }
    }
    return 0;
}

void BindingStack::keep(std::uint64_t id) noexcept {
    const std::size_t index = find(id);
    if (index != entries_.size()) entries_[index].kept = true;
}

void BindingStack::abandon(std::uint64_t id) noexcept {
    const std::size_t index = find(id);
    if (index == entries_.size()) return;
    entries_[index].kept = true;
    if (index == 0 || !entries_[index - 1].kept) return;
    ThreadState& older = entries_[index - 1].before;
    if (!older.policy) older.policy = entries_[index].before.policy;
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace numapool::detail
