// Owns: a counter that one thread writes and any thread reads.
// Must not know: what is counted.
#pragma once

#include <atomic>
#include <cstdint>

namespace numapool::base {

/// Single writer, many readers: an addition is a load and a store, no locked instruction. Readers may see it
/// late, never torn.
class Counter {
public:
    void add(std::uint64_t amount) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
        // The same in one instruction, of which compilers make three.
        __asm__("addq %1, %0" : "+m"(value_) : "er"(amount) : "cc");
#else
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
#endif
    }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

    /// add(amount), the writer's last word on something that a reader may then take down. Release pairs with
    /// the acquire in get_all.
    void conclude(std::uint64_t amount) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
        // Every store releases here; the compiler must keep the order too.
        __asm__("addq %1, %0" : "+m"(value_) : "er"(amount) : "cc", "memory");
#else
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_release);
#endif
    }
    /// get(), and who sees a conclude() sees all that went before it.
    std::uint64_t get_all() const noexcept { return value_.load(std::memory_order_acquire); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace numapool::base
