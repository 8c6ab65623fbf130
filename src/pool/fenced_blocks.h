// Owns: the records of a pool's watched blocks, and the order in which returned ones wait (quarantine).
// Must not know: arenas, caches, what is told of damage.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "base/held_locks.h"
#include "pool/fence.h"

namespace numapool::detail {

/// Thread safety: any thread. Its lock is the last in the order: nothing else is locked, and no block
/// touched, while it is held.
class FencedBlocks {
public:
    FencedBlocks() = default;
    FencedBlocks(const FencedBlocks&) = delete;
    FencedBlocks& operator=(const FencedBlocks&) = delete;
    ~FencedBlocks();

    /// False without memory for the record. A block that starts where a known one does must not come.
    bool add(const FencedBlock& block) noexcept;
    /// Writes down what has changed of a block that was added.
    void update(const FencedBlock& block) noexcept;
    std::size_t size() const noexcept { return count_.load(std::memory_order_relaxed); }
    /// Whether there is any record: what is asked before a look.
    bool any() const noexcept { return size() != 0; }
    /// What starts at `user`, for its holder.
    std::optional<FencedBlock> find(std::uintptr_t user) noexcept;
    /// The block that `address` lies in or beside. Safe in a signal handler that interrupts no call of this
    /// class in the same thread; nothing is found if another thread is long in one.
    std::optional<FencedBlock> find_around(std::uintptr_t address) noexcept;
    /// Turns a live block to returned; nothing if it was that already, or is unknown.
    std::optional<FencedBlock> begin_return(std::uintptr_t user, const os::CallSite& site,
                                            std::uint32_t now_ms) noexcept;
    /// Lets a block wait whose return has begun, or that was taken out.
    void keep(const FencedBlock& block) noexcept;
    /// An access to the block was told of. For a signal handler, as find_around.
    void mark_misused(std::uintptr_t user) noexcept;

    /// Takes the block out that waits longest, if more than `most_blocks` or `most_bytes` do; the last one
    /// only if both are 0. Its record stays until forget() or keep().
    std::optional<FencedBlock> take_surplus(std::size_t most_blocks, std::size_t most_bytes) noexcept;
    /// The same if it waits for `age_ms` or longer.
    std::optional<FencedBlock> take_older(std::uint32_t now_ms, std::uint32_t age_ms) noexcept;
    /// Ends the record of a block that was taken out: another may start there from now on.
    void forget(std::uintptr_t user) noexcept;
    std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

    // Relaxed: figures.
    std::uint64_t made() const noexcept { return made_.load(std::memory_order_relaxed); }
    std::uint64_t found() const noexcept { return found_.load(std::memory_order_relaxed); }
    void count_found() noexcept { found_.fetch_add(1, std::memory_order_relaxed); }

    /// For fork.
    void lock() noexcept { mutex_.lock(); }
    void unlock() noexcept { mutex_.unlock(); }

private:
    struct Record {
        FencedBlock block;
        Record* next = nullptr;   ///< the one that was returned after it
        Record* chain = nullptr;  ///< another one of its bucket, or another unused one
    };
    // Records lie in memory of their own. A request in a signal handler may have interrupted malloc.
    struct Chunk;

    Record*& bucket(std::uintptr_t user) noexcept;
    Record* known(std::uintptr_t user) noexcept;
    bool make_buckets() noexcept;
    Record* make_record() noexcept;
    std::optional<FencedBlock> pop() noexcept;
    Record* around(std::uintptr_t address) noexcept;
    template <class Use>
    void try_locked(Use use) noexcept;

    base::Mutex mutex_;
    std::span<Record*> buckets_;  ///< a power of two, by where the blocks start
    Chunk* chunks_ = nullptr;
    std::size_t unmade_ = 0;  ///< records of the first chunk that were never used
    Record* unused_ = nullptr;
    Record* oldest_ = nullptr;
    Record* newest_ = nullptr;
    std::size_t waiting_bytes_ = 0;
    std::atomic<std::size_t> waiting_{0};  // relaxed, as all here: changed under the lock, read as a hint
    std::atomic<std::size_t> count_{0};
    std::atomic<std::uint64_t> made_{0};
    std::atomic<std::uint64_t> found_{0};
};

}  // namespace numapool::detail
