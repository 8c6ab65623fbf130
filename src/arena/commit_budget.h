// Owns: how many bytes a pool has committed, and the limit on them.
// Must not know: what was committed, or on which node.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/sync.h"

namespace numapool::arena {

/// Shared by all arenas of a pool. Thread safety: any thread.
template <class Sync>
class BasicCommitBudget {
public:
    static constexpr std::size_t kUnlimited = ~std::size_t{0};

    explicit BasicCommitBudget(std::size_t limit) noexcept : limit_(limit) {}

    std::size_t limit() const noexcept { return limit_; }
    std::size_t committed() const noexcept { return committed_.load(std::memory_order_relaxed); }
    std::size_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }

    /// Whether `bytes` more fit the limit; if so they are counted. Once they are had, confirm(); else
    /// refund().
    // Relaxed but for the order of the two counts, which keeps the peak within the limit: acquire pairs with
    // the release in uncharge.
    bool charge(std::size_t bytes) noexcept {
        std::size_t before = committed_.load(std::memory_order_relaxed);
        do {
            if (bytes > limit_ || before > limit_ - bytes) return false;
        } while (!committed_.compare_exchange_weak(before, before + bytes, std::memory_order_acquire));
        return true;
    }
    /// Says that what was charged came to be: only that counts for the peak.
    void confirm(std::size_t bytes) noexcept {
        const std::size_t now = had_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
        std::size_t highest = peak_.load(std::memory_order_relaxed);
        while (highest < now && !peak_.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
        }
    }
    /// Of what was charged and not confirmed.
    void refund(std::size_t bytes) noexcept { committed_.fetch_sub(bytes, std::memory_order_relaxed); }
    /// Of what was confirmed.
    void uncharge(std::size_t bytes) noexcept {
        had_.fetch_sub(bytes, std::memory_order_relaxed);
        committed_.fetch_sub(bytes, std::memory_order_release);
    }

private:
    const std::size_t limit_;
    typename Sync::template Atomic<std::size_t> committed_{0};
    typename Sync::template Atomic<std::size_t> had_{0};  ///< of them, those confirmed
    typename Sync::template Atomic<std::size_t> peak_{0};
};

using CommitBudget = BasicCommitBudget<base::RealSync>;

}  // namespace numapool::arena
