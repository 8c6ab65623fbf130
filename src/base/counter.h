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
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

    /// add(1), the writer's last word on something that a reader may then take down. Release pairs with the
    /// acquire in get_all.
    void conclude() noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    /// get(), and who sees a conclude() sees all that went before it.
    std::uint64_t get_all() const noexcept { return value_.load(std::memory_order_acquire); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace numapool::base
