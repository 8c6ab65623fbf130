// Owns: a counter that one thread writes and any thread reads.
// Must not know: what is counted.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/sync.h"

namespace numapool::base {

/// Single writer, many readers: an addition is a load and a store, no locked instruction. Readers may see it
/// late, never torn.
template <class Sync>
class BasicCounter {
public:
    void add(std::uint64_t amount) noexcept { Sync::add(value_, amount); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

    /// add(amount), the writer's last word on something that a reader may then take down. Release pairs with
    /// the acquire in get_all.
    void conclude(std::uint64_t amount) noexcept { Sync::add_release(value_, amount); }
    /// get(), and who sees a conclude() sees all that went before it.
    std::uint64_t get_all() const noexcept { return value_.load(std::memory_order_acquire); }

private:
    typename Sync::template Atomic<std::uint64_t> value_{0};
};

using Counter = BasicCounter<RealSync>;

}  // namespace numapool::base
