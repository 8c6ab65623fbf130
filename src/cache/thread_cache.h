// Owns: a thread's cache for one pool, the thread's way to it, and the list of all caches of a pool.
// Must not know: requests, options, how a pool is found by address.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/held_locks.h"
#include "cache/arena_cache.h"

namespace numapool::cache {

class CacheList;

inline constexpr std::uint32_t kMaxNodeArenas = 64;  ///< nodes with memory that a pool keeps apart
inline constexpr std::uint32_t kMaxArenas = kMaxNodeArenas + 64;  ///< and one for each set of nodes
inline constexpr std::uint32_t kMaxPools = 8192;  ///< at a time, so that a thread finds its cache by index

/// One thread's caches in one pool, an ArenaCache for each arena it has used. The record is never unmapped
/// but reused, so a stale pointer to one is harmless: its pool_id tells.
struct ThreadCache {
    std::atomic<std::uint64_t> pool_id{0};  ///< 0 while no pool has it
    CacheList* list = nullptr;
    ThreadCache* next = nullptr;  ///< in the list, or among unused records
    bool in_use = false;          ///< by a thread; under the list's lock
    bool waits = false;           ///< not in use, with blocks for the next thread perhaps; the same
    bool looked_at = false;       ///< since it waits; the same
    /// Of the thread that has it; nullptr for none. Others compare it with their own, so relaxed will do.
    std::atomic<ThreadCache**> table{nullptr};
    std::array<std::atomic<ArenaCache*>, kMaxArenas> arenas{};

    /// The cache for `arena`; nullptr if it was not used by this thread yet. Acquire pairs with the release
    /// in add.
    ArenaCache* find(std::uint32_t arena) const noexcept {
        return arenas[arena].load(std::memory_order_acquire);
    }
    /// Makes it; nullptr if the system refuses memory. Its thread only.
    ArenaCache* add(std::uint32_t index, arena::NodeArena& arena, SharedBlocks& shared) noexcept;
};

/// Told that there is idle memory now; the same for all lists that have one. May be called after the pool's
/// end.
using OnIdle = void (*)() noexcept;

/// All caches of one pool: those of running threads, and those that ended threads left, which new threads
/// take over with all they counted.
class CacheList {
public:
    /// `on_idle`, if any, is told when a thread's end has made memory idle.
    CacheList(std::uint64_t pool_id, std::uint32_t slot, OnIdle on_idle) noexcept
        : pool_id_(pool_id), slot_(slot), on_idle_(on_idle) {}
    CacheList(const CacheList&) = delete;
    CacheList& operator=(const CacheList&) = delete;
    /// Hands all records back for reuse; what they held must not matter any more.
    ~CacheList();

    std::uint64_t pool_id() const noexcept { return pool_id_; }
    std::uint32_t slot() const noexcept { return slot_; }

    /// Calls `visit(ThreadCache&)` for every cache, under the list's lock.
    template <class Visit>
    void for_each(Visit visit) noexcept {
        const std::lock_guard lock(mutex_);
        for_each_unlocked(visit);
    }
    /// The same for who has called lock_all.
    template <class Visit>
    void for_each_unlocked(Visit visit) noexcept {
        for (ThreadCache* cache = head_; cache != nullptr; cache = cache->next) visit(*cache);
    }
    /// Makes the spare cache, which serves threads that cannot have one of their own; false without memory.
    bool make_spare() noexcept { return (spare_ = acquire()) != nullptr; }
    /// Calls `use(ThreadCache&)` with the spare cache, one caller at a time, and empties it afterwards.
    template <class Use>
    void with_spare(Use use) noexcept {
        const std::lock_guard lock(spare_mutex_);
        use(*spare_);
        empty(*spare_);
    }

    /// A cache that no thread has, or a new one; nullptr if the system refuses memory.
    ThreadCache* acquire() noexcept;
    /// Puts all blocks of a cache back to their arenas.
    static void empty(ThreadCache& cache) noexcept;
    /// Leaves a cache to the next thread, with its small and medium blocks if the threads that go on have
    /// room enough without it. Returns who is to be told, without a lock.
    OnIdle give_up(ThreadCache& cache) noexcept;
    /// Empties the caches that wait for a thread; only those that did so at the last call that asked for
    /// these, if `long_waiting_only`. Returns whether some are left.
    bool empty_waiting(bool long_waiting_only) noexcept;
    /// Hands on what caches that wait for a thread have of one class; false if they have none.
    bool hand_on_waiting(std::uint32_t size_class) noexcept;

    std::size_t record_bytes() noexcept;
    void lock_all() noexcept { spare_mutex_.lock(), mutex_.lock(); }
    void unlock_all() noexcept { mutex_.unlock(), spare_mutex_.unlock(); }

private:
    const std::uint64_t pool_id_;
    const std::uint32_t slot_;
    const OnIdle on_idle_;
    base::Mutex spare_mutex_;  ///< before mutex_
    base::Mutex mutex_;
    ThreadCache* head_ = nullptr;
    /// A bit for each class of which a waiting cache may have blocks. Relaxed: changed under the lock, read
    /// without it as a hint.
    std::array<std::atomic<std::uint64_t>, (base::kSizeClasses + 63) / 64> waiting_classes_{};
    ThreadCache* spare_ = nullptr;
};

/// The calling thread's caches by pool slot; nullptr before its first.
extern constinit thread_local ThreadCache** thread_caches __attribute__((tls_model("initial-exec")));

/// Tells one arena of one pool from every other that ever was.
constexpr std::uint64_t cache_key(std::uint64_t pool_id, std::uint32_t arena) noexcept {
    return pool_id * kMaxArenas + arena;
}
/// No arena's, and none when an arena's index is added.
inline constexpr std::uint64_t kNoCacheKey = std::uint64_t{1} << 63;

/// The cache that the calling thread used last: one comparison finds it again. A key never comes again, so
/// nobody need tell it of a pool's end; nothing else of it may be used before the key was found to be right.
struct alignas(64) HotCache {
    std::uint64_t key = 0;
    ArenaCache* cache = nullptr;
    // Most blocks of the arena lie in these.
    arena::Window<arena::BlockMark> fine;
    arena::Window<arena::BlockMark> coarse;
    arena::Window<std::atomic<std::uint64_t>> large;

    void set(std::uint64_t new_key, ArenaCache& new_cache) noexcept;
};
extern constinit thread_local HotCache hot_cache __attribute__((tls_model("initial-exec")));

/// The calling thread's cache in the pool; nullptr if it has none yet.
inline ThreadCache* find_cache(std::uint32_t slot, std::uint64_t pool_id) noexcept {
    ThreadCache** caches = thread_caches;
    if (caches == nullptr) return nullptr;
    ThreadCache* cache = caches[slot];
    if (cache == nullptr || cache->pool_id.load(std::memory_order_relaxed) != pool_id) return nullptr;
    // A record that this thread had in an earlier pool of the slot may be another thread's in this one.
    return cache->table.load(std::memory_order_relaxed) == caches ? cache : nullptr;
}

/// The same, made if need be; nullptr if the thread is past the end of its life or there is no memory.
ThreadCache* find_or_make_cache(CacheList& list) noexcept;

/// Held while a thread that ends empties its caches, and while a pool is taken down: a pool's arenas outlive
/// the former.
base::Mutex& lifetime_mutex() noexcept;

/// For fork: the lock of the recycled records, the last one in the order.
void lock_records() noexcept;
void unlock_records() noexcept;

}  // namespace numapool::cache
