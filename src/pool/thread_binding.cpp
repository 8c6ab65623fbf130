// Owns: the steps behind thread_binding.h.
// Must not know: pools; who undoes it.
#include "pool/thread_binding.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "numapool/errors.h"

#include "base/log.h"
#include "pool/binding_stack.h"
#include "topology/cpu_binding.h"
#include "topology/node_files.h"

namespace numapool::detail {
namespace {

using topology::Launch;

std::string text_of(std::vector<int> ids) {
    std::sort(ids.begin(), ids.end());
    return topology::format_id_list(ids);
}

std::string cpus_text(const std::vector<int>& cpus) {
    return (cpus.size() == 1 ? "CPU " : "CPUs ") + text_of(cpus);
}

[[noreturn]] void refuse(int node, const Launch& launch) {
    std::vector<int> left;
    std::vector<int> possible;
    for (const NumaNode& known : launch.machine.nodes) {
        left.insert(left.end(), known.cpus.begin(), known.cpus.end());
        if (!known.cpus.empty()) possible.push_back(known.id);
    }
    std::string message = "node " + std::to_string(node);
    const auto all = launch.all_cpus.find(node);
    if (launch.machine.find(node) == nullptr) {
        message += " does not exist";
    } else if (all != launch.all_cpus.end() && !all->second.empty()) {
        message += " has no CPUs that this process may use: the node has " + cpus_text(all->second) +
                   ", the launcher allows " + cpus_text(left);
    } else {
        message += " has no CPUs that this process may use";
    }
    throw ArgumentError(ErrorCode::kInvalidNode,
                        message + "; possible: " + (possible.empty() ? "none" : text_of(possible)));
}

class Notes {
public:
    void add(std::atomic<bool>& told, LogLevel level, const std::string& text) {
        text_ += (text_.empty() ? "" : "; ") + text;
        base::log_once(told, level, ("binding threads to nodes: " + text).c_str());
    }
    std::string take() noexcept { return std::move(text_); }

private:
    std::string text_;
};

void compare_cpus(const NumaNode& node, const Launch& launch, Notes& notes) {
    static std::atomic<bool> told{false};
    const auto all = launch.all_cpus.find(node.id);
    if (all == launch.all_cpus.end() || all->second.size() <= node.cpus.size()) return;
    notes.add(told, LogLevel::kInfo,
              "the launcher allows " + cpus_text(node.cpus) + " of node " + std::to_string(node.id) + "'s " +
                  text_of(all->second));
}

void bind_memory(const NumaNode& node, const Launch& launch, ThreadState& before, Notes& notes) {
    static std::atomic<bool> launcher_told{false};
    static std::atomic<bool> no_memory_told{false};
    static std::atomic<bool> refusal_told{false};
    if (!launch.policy.is_default()) {
        const std::vector<int> nodes = launch.policy.nodes.list();
        notes.add(launcher_told, LogLevel::kInfo,
                  std::string("the launcher's memory policy stays: ") + launch.policy.name() +
                      (nodes.empty() ? "" : "=" + text_of(nodes)));
        return;
    }
    if (node.total_bytes == 0 || !node.allowed) {
        notes.add(no_memory_told, LogLevel::kInfo,
                  "node " + std::to_string(node.id) + " has no memory for this process: the policy stays");
        return;
    }
    os::ThreadPolicy policy;
    int error = os::get_thread_policy(policy);  // one that could not be put back is not replaced
    if (error == 0) error = os::prefer_node_for_thread(node.id);
    if (error == 0) {
        before.policy = policy;
        return;
    }
    notes.add(refusal_told, LogLevel::kWarning,
              std::string("the memory policy could not be set (") + std::strerror(error) +
                  "): memory comes from the node of the CPU that first touches it" +
                  (error == EINVAL ? "" : "; allow set_mempolicy"));  // EINVAL: no such memory here
}

}  // namespace

BoundThread bind_calling_thread(int node, const Launch& launch) {
    const NumaNode* const found = launch.machine.find(node);
    if (found == nullptr || found->cpus.empty()) refuse(node, launch);
    BindingStack* const stack = BindingStack::of_this_thread();
    if (stack == nullptr) {
        throw PlacementError(ErrorCode::kBindingRefused, "the thread is ending; bind it while it runs");
    }
    BoundThread bound;
    bound.cpus = found->cpus;
    ThreadState before{topology::current_cpus(), std::nullopt};
    stack->make_room();
    if (const int error = topology::bind_thread_to_cpus(found->cpus); error != 0) {
        throw PlacementError(ErrorCode::kBindingRefused,
                             "the system would not bind the thread to node " + std::to_string(node) + "'s " +
                                 cpus_text(found->cpus) + " (" + std::strerror(error) +
                                 "); sched_setaffinity must be allowed");
    }
    bound.id = stack->push(std::move(before));
    try {
        Notes notes;
        compare_cpus(*found, launch, notes);
        bind_memory(*found, launch, stack->before_newest(), notes);
        bound.note = notes.take();
    } catch (...) {
        if (stack->undo(bound.id) != 0) stack->abandon(bound.id);
        throw;
    }
    return bound;
}

}  // namespace numapool::detail
