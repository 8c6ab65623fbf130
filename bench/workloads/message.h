// Owns: a block that threads pass on, and the box through which they do. Must not know: who sends, who takes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace numapool::bench {

/// What stands at the start of a block that is passed on: whoever frees it needs its size.
struct Message {
    Message* next = nullptr;
    std::size_t bytes = 0;
};

/// A block of at least a Message's size, with the Message in it.
template <class Allocator>
Message* new_message(Allocator& allocator, std::size_t bytes) {
    return ::new (allocator.allocate(bytes)) Message{.next = nullptr, .bytes = bytes};
}

/// Frees a message and all that follow it; returns how many there were.
template <class Allocator>
std::uint64_t free_messages(Allocator& allocator, Message* first) {
    std::uint64_t count = 0;
    while (first != nullptr) {
        Message* next = first->next;
        allocator.deallocate(first, first->bytes);
        first = next;
        ++count;
    }
    return count;
}

/// Chains of messages from any thread to any thread. It needs no memory of its own, so it costs the same
/// whoever serves the blocks.
class alignas(64) Mailbox {
public:
    /// Adds the chain first...last of `count` messages.
    void post(Message* first, Message* last, long count) {
        waiting_.fetch_add(count, std::memory_order_relaxed);   // bounds how many wait, orders nothing
        Message* head = head_.load(std::memory_order_relaxed);  // the exchange below checks it
        do {
            last->next = head;
        } while (!head_.compare_exchange_weak(head, first, std::memory_order_release,
                                              std::memory_order_relaxed));  // with take_all()'s acquire
    }

    /// Everything posted so far, or null.
    Message* take_all() {
        return head_.exchange(nullptr, std::memory_order_acquire);  // with post()'s release
    }

    void freed(std::uint64_t count) {
        waiting_.fetch_sub(static_cast<long>(count), std::memory_order_relaxed);  // as in post()
    }
    /// How many messages were posted and not freed, about.
    long waiting() const { return waiting_.load(std::memory_order_relaxed); }

private:
    std::atomic<Message*> head_{nullptr};
    std::atomic<long> waiting_{0};
};

}  // namespace numapool::bench
