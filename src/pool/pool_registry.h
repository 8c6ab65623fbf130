// Owns: all pools of the process: their slots, the end of closed ones, helping each other out of memory,
// fork. Must not know: how a pool allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "pool/pool_core.h"

namespace numapool::detail {

/// Thread safety: any thread.
class PoolRegistry {
public:
    /// A slot and a number for a new pool. False if there are kMaxPools.
    static bool claim_slot(std::uint32_t& slot, std::uint64_t& id) noexcept;
    static void drop_slot(std::uint32_t slot) noexcept;
    static void enter(PoolCore& pool) noexcept;
    /// Marks the pool as left by its owner; destroys it if nothing of it is live.
    static void release(PoolCore& pool) noexcept;
    /// Calls `give_back()`, which returns a block to the closed `pool`, and destroys the pool if it was the
    /// last.
    template <class GiveBack>
    static void return_guarded(PoolCore& pool, GiveBack give_back) noexcept {
        const std::lock_guard lock(mutex());
        give_back();
        destroy_if_done(pool);
    }
    /// Has every pool but `asking` give its idle memory back; returns the bytes.
    static std::size_t trim_others(const PoolCore& asking) noexcept;
    /// Calls `visit(PoolCore&)` for every pool, under the registry's lock.
    template <class Visit>
    static void for_each(Visit visit) noexcept {
        const std::lock_guard lock(mutex());
        for (PoolCore* pool = first(); pool != nullptr; pool = pool->next_) visit(*pool);
    }

private:
    static base::Mutex& mutex() noexcept;
    static PoolCore* first() noexcept;
    static void destroy_if_done(PoolCore& pool) noexcept;
    static void before_fork() noexcept;
    static void after_fork_in_parent() noexcept;
    static void after_fork_in_child() noexcept;
    static void unlock_everything() noexcept;

    static const bool forks_are_handled_;
};

}  // namespace numapool::detail
