// Owns: NodeBinding's face: one entry of its thread's BindingStack.
// Must not know: how a thread is bound.
#include "numapool/node_binding.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "pool/binding_stack.h"
#include "pool/thread_binding.h"

namespace numapool {

using detail::BindingStack;

NodeBinding::NodeBinding(int node) : node_(node) {
    detail::BoundThread bound = detail::bind_calling_thread(node, topology::system_launch());
    id_ = bound.id;
    cpus_ = std::move(bound.cpus);
    note_ = std::move(bound.note);
}

NodeBinding::NodeBinding(NodeBinding&& other) noexcept
    : id_(std::exchange(other.id_, 0)),
      kept_(other.kept_),
      node_(other.node_),
      cpus_(std::move(other.cpus_)),
      note_(std::move(other.note_)) {}

NodeBinding& NodeBinding::operator=(NodeBinding&& other) noexcept {
    NodeBinding taken(std::move(other));
    std::swap(id_, taken.id_);
    std::swap(kept_, taken.kept_);
    std::swap(node_, taken.node_);
    cpus_.swap(taken.cpus_);
    note_.swap(taken.note_);
    return *this;
}

NodeBinding::~NodeBinding() {
    if (id_ == 0) return;
    BindingStack* const stack = BindingStack::of_this_thread();
    const bool ours = stack != nullptr && stack->made(id_);
    if (!kept_) {
        const int error = ours ? stack->undo(id_) : 0;
        if (ours && error == 0) return;
        const char* const why = ours ? std::strerror(error) : "another thread than the one that is bound";
        if (stack != nullptr) {  // otherwise the thread ends, and its binding with it
            std::array<char, 160> message{};
            std::snprintf(message.data(), message.size(),
                          "the binding to node %d could not be undone when it was destroyed: %s", node_, why);
            base::log(LogLevel::kWarning, message.data());
        }
    }
    if (ours) stack->abandon(id_);
}

void NodeBinding::undo() {
    if (id_ == 0) return;
    BindingStack* const stack = BindingStack::of_this_thread();
    if (stack == nullptr || !stack->made(id_)) {
        throw PlacementError(ErrorCode::kBindingRefused,
                             "the binding to node " + std::to_string(node_) +
                                 " belongs to another thread; undo it on the thread that made it");
    }
    if (const int error = stack->undo(id_); error != 0) {
        throw PlacementError(ErrorCode::kBindingRefused, "the system would not undo the binding to node " +
                                                             std::to_string(node_) + " (" +
                                                             std::strerror(error) + "); the thread keeps it");
    }
    id_ = 0;
}

void NodeBinding::keep() noexcept {
    kept_ = true;
    BindingStack* const stack = BindingStack::of_this_thread();
    if (stack != nullptr && stack->made(id_)) stack->keep(id_);
}

}  // namespace numapool
