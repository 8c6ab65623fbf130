// Owns: a pool: its arenas, its threads' caches, and the paths of a request and of a return through them.
// Must not know: exceptions and messages (memory_pool.cpp), other pools (pool_registry).
//
// Lock order: registry, lifetime, a pool's prefault, its growth, its spare cache, its cache list, a depot, a
// bin, an arena, watched blocks, records, plain heap, decay thread, interleave sets,
// the handler of faults, the first look at the machine, binding, log.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "numapool/buffer.h"
#include "numapool/memory_pool.h"
#include "numapool/options.h"
#include "numapool/statistics.h"
#include "numapool/topology.h"

#include "arena/node_arena.h"
#include "base/held_locks.h"
#include "base/result.h"
#include "cache/ready_budget.h"
#include "cache/thread_cache.h"
#include "pool/check_mode.h"
#include "pool/fenced_blocks.h"

namespace numapool::detail {

struct PopulatePart;

inline constexpr std::size_t kMostBytes = std::numeric_limits<std::ptrdiff_t>::max();  ///< in one request

/// What a pool is made of beyond its options; tests choose others.
struct CoreSettings {
    const Topology* topology = nullptr;               ///< read at construction only
    std::size_t range_bytes = std::size_t{64} << 30;  ///< address space reserved for an arena at a time
    bool disabled = false;                            ///< plain allocation: see PlainHeap
    CheckMode check = CheckMode::kOff;                ///< which blocks are watched for misuse
    std::string files_root;  ///< stands before "/proc" and "/sys" where prefaulting looks for free memory
};

/// Thread safety: as MemoryPool's. Lives from create() until release() and the return of its last block.
class PoolCore {
public:
    /// nullptr if kMaxPools pools are alive, or without memory.
    static PoolCore* create(const PoolOptions& options, const CoreSettings& settings);
    /// Closes the pool; it is destroyed now, or when its last live block returns.
    void release() noexcept;

    /// What a default request most often needs: a block that the cache the calling thread used last has
    /// ready; nullptr if it must go on to allocate_fast.
    void* allocate_hot(std::size_t bytes) noexcept;
    /// A block that the calling thread has ready; nullptr if there is none or the request is out of the
    /// ordinary.
    void* allocate_fast(std::size_t bytes, const Request& request) noexcept;
    /// A block by whatever it takes; nullptr with the reason in `failure`.
    void* allocate_slow(std::size_t bytes, const Request& request, base::Failure& failure) noexcept;
    void* allocate(std::size_t bytes, const Request& request, base::Failure& failure) noexcept {
        void* block = allocate_fast(bytes, request);
        return block != nullptr ? block : allocate_slow(bytes, request, failure);
    }
    /// Takes a block of this pool and of the cache that the calling thread used last; false, and nothing is
    /// done, if it must go on to return_block.
    bool return_hot(void* block) noexcept;
    /// The same for a block of whichever pool.
    static bool return_hot_of_any(void* block, ReturnedBy by) noexcept;
    /// Returns a block of whichever pool, by its address; if `expected` is given, only of that pool.
    static ErrorCode return_block(void* block, ReturnedBy by, const PoolCore* expected) noexcept;

    /// See MemoryPool::initialize: prefault.cpp.
    base::Result<bool> initialize(std::size_t reserve_bytes) noexcept;
    std::size_t trim(std::size_t keep_bytes, EvictionCause cause) noexcept;
    void close() noexcept;
    bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

    bool all_nodes_allowed() const noexcept { return all_nodes_allowed_.load(std::memory_order_relaxed); }
    std::optional<Placement> resolve(const Placement& placement) noexcept;
    std::optional<BlockInfo> find_block(const void* block, bool held = false) noexcept;
    Statistics statistics();
    std::vector<PlacementCheck> verify_placement();
    std::size_t resident_bytes() noexcept;
    const PoolOptions& options() const noexcept { return options_; }
    /// Whether a few of its blocks are watched, and there are not too many of these yet.
    bool samples() const noexcept;
    /// Whether the next request is to be served with a block that is watched.
    bool watches_next() const noexcept {
        return settings_.check == CheckMode::kAll || sample_called_for_.load(std::memory_order_relaxed);
    }
    /// The nodes that memory can be asked from, ascending.
    std::vector<int> nodes() const;

    /// One tick of decay. Returns whether there is idle memory left to look after.
    bool decay(std::uint32_t now_ms, std::uint32_t tick_ms) noexcept;

    /// For fork.
    void lock_all() noexcept;
    void unlock_all() noexcept;
    /// In a forked child, everything locked.
    void forget_other_threads() noexcept;

private:
    friend class PoolRegistry;
    struct ArenaSlot {
        std::atomic<arena::NodeArena*> arena{
            nullptr};                                 // release in make_arena pairs with acquire in arena_at
        std::unique_ptr<cache::SharedBlocks> shared;  ///< made with the arena
        Placement placement;
        std::vector<int> cpus;  ///< of the node
        // Relaxed: figures and hints, guarding no other memory.
        std::atomic<bool> forbidden{
            false};  ///< the process's cpuset took a node away after the pool was made
        std::atomic<bool> told_forbidden{false};
        std::atomic<std::uint64_t> fallbacks{0};  ///< buffers with pages elsewhere
    };
    /// A block on its way to the caller, not yet counted.
    struct Taken {
        void* address = nullptr;
        std::size_t bytes = 0;         ///< of the block
        std::uint32_t size_class = 0;  ///< kSizeClasses for a large block
        std::size_t reused_bytes = 0;  ///< of them, those that an earlier buffer returned
        bool stitched = false;         ///< pages were moved together for it
        // As in arena::Extent: unless told, nothing is known to read zero.
        std::size_t zero_until = 0;
        std::size_t zero_from = ~std::size_t{0};
    };

    /// What became of one request's placement.
    struct Placing {
        BindMode mode = BindMode::kNone;
        bool fresh = false;           ///< some of the memory is new
        std::uint64_t elsewhere = 0;  ///< pages found on another node
    };

    PoolCore(const PoolOptions& options, const CoreSettings& settings, std::uint64_t id, std::uint32_t slot);
    ~PoolCore();
    bool set_up(const Topology& topology);
    bool make_arenas(const Topology& topology);

    // Taking: allocate.cpp
    std::uint32_t arena_of_current_node() const noexcept;
    bool select_arena(const Placement& placement, std::uint32_t& index, base::Failure& failure) noexcept;
    Taken take(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
               base::Failure& failure) noexcept;
    Taken take_large(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
                     base::Failure& failure) noexcept;
    static Taken taken_of(const arena::Extent& extent) noexcept;
    /// The block, of which the holder gets `bytes` from `offset` on.
    void* hand_out(cache::ArenaCache& cache, const Taken& taken, std::size_t bytes, std::size_t offset,
                   const Request& request, Placing& placing, base::Failure& failure) noexcept;
    bool make_room(std::size_t bytes, const base::Failure& failure) noexcept;
    int known_arena(const Placement& placement) const noexcept;
    bool requested_remotely(const Placement& placement, std::uint32_t index) const noexcept;

    // Where pages lie: place.cpp
    /// What a request asks for. Memory that is bound already stays so for one that asks for nothing.
    BindMode bind_mode(const Request& request, const arena::NodeArena& arena) const noexcept {
        if (!options_.numa_aware) return BindMode::kNone;
        const BindMode asked = request.bind.value_or(options_.bind);
        return asked == BindMode::kNone && arena.asked_home() ? BindMode::kAdvisory : asked;
    }
    /// Sees to it that the block's pages come to lie where they shall, or looks whether they do. False, with
    /// the reason in `failure`, if a strict request cannot be served with it.
    bool place(cache::ArenaCache& cache, const Taken& taken, Placing& placing,
               base::Failure& failure) noexcept;
    /// Counts and tells what place() found. No lock may be held.
    void report(std::uint32_t index, const Placing& placing) noexcept;
    /// Gives the pages of a block back that does not lie where it should, then the block.
    void discard(cache::ArenaCache& cache, std::uintptr_t address, std::size_t bytes) noexcept;
    /// Looks the pages of a block up that was kNew when its holder returned it.
    void settle(const arena::AddressRange& range, std::uintptr_t address, std::size_t bytes) noexcept;
    /// Faults pages in, on the node where they shall lie even if the kernel could not be told of it.
    int populate(arena::NodeArena& arena, std::uintptr_t begin, std::uintptr_t end) noexcept;
    /// Says of memory of the arena which threads are to fault it in.
    void describe(PopulatePart& part, std::uint32_t index, std::uintptr_t address,
                  std::size_t bytes) const noexcept;
    /// Whether all of `bytes` that were looked up lie where they shall, as a strict request has it.
    static base::Result<bool> all_home(const arena::PageCheck& check, std::size_t bytes) noexcept;
    /// Notices nodes that the process's cpuset took away or gave back.
    void look_at_cpuset() noexcept;
    /// Tells of nodes that were taken or given back since it last did. No lock may be held.
    void tell_of_cpuset() noexcept;

    // Prefaulting: prefault.cpp
    /// Faults in what the node arenas set aside, one run for each.
    base::Result<bool> fault_in(std::span<const arena::Run> runs) noexcept;

    // Returning: return.cpp
    static ErrorCode return_plain(void* block, const PoolCore* expected) noexcept;
    ErrorCode return_slow(arena::AddressRange& range, std::uintptr_t address, ReturnedBy by) noexcept;
    ErrorCode return_unwatched(arena::AddressRange& range, std::uintptr_t address, ReturnedBy by) noexcept;
    /// Whether the small or medium block at `address` was returned and not handed out since.
    bool lies_ready(const arena::AddressRange& range, std::uintptr_t address) noexcept;
    /// `uncounted_bytes` came back but still count as live.
    void enforce_idle_bound(std::size_t uncounted_bytes) noexcept;

    /// What is said where all blocks are watched, before the process ends; elsewhere the code goes on.
    ErrorCode refuse_return(ErrorCode code, std::uintptr_t address) const noexcept;

    // Watching: fencing.cpp
    /// Closes the short ways, so that the next request comes by, if a sample is due.
    void call_for_sample() noexcept;
    /// Whether this request is to be the sample; opens the short ways again.
    bool wants_sample(BindMode mode) noexcept;
    void* hand_out_fenced(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
                          const Request& request, Placing& placing, base::Failure& failure) noexcept;
    /// Takes a watched block back; nothing if it is none.
    std::optional<ErrorCode> return_fenced(std::uintptr_t address, ReturnedBy by) noexcept;
    /// Puts a block that waited back to its arena; false if the system refuses, and then it waits again. Any
    /// lock may be held that comes before a bin's.
    bool release_fenced(FencedBlock block) noexcept;
    /// The same for all that wait beyond those bounds. Returns whether there were any.
    bool release_fenced(std::size_t keep_blocks, std::size_t keep_bytes) noexcept;
    bool release_all_fenced() noexcept { return release_fenced(0, 0); }
    void release_fenced_surplus() noexcept;
    bool decay_fenced(std::uint32_t now_ms, std::uint32_t decay_ms) noexcept;
    void report_damage(const FencedBlock& block, Damage damage) noexcept;
    static bool look_at_fault(std::uintptr_t address) noexcept;

    // Keeping house: pool_core.cpp
    arena::NodeArena* arena_at(std::uint32_t index) noexcept {
        return arenas_[index].arena.load(std::memory_order_acquire);
    }
    /// Opens or closes fast_key_ and only_key_ as the pool's state has it; under growth_mutex_.
    void set_short_ways() noexcept;
    arena::NodeArena* make_arena(std::uint32_t index, const Placement& placement) noexcept;
    /// The calling thread's cache for the arena; nullptr if it cannot have one.
    cache::ArenaCache* own_cache(std::uint32_t index) noexcept {
        cache::ThreadCache* mine = cache::find_or_make_cache(caches_);
        if (mine == nullptr) return nullptr;
        cache::ArenaCache* found = mine->find(index);
        return found != nullptr ? found : mine->add(index, *arena_at(index), *arenas_[index].shared);
    }
    /// Calls `use(ArenaCache&)` with the calling thread's cache for the arena, or the spare one.
    template <class Use>
    void with_cache(std::uint32_t index, Use use) noexcept {
        if (cache::ArenaCache* own = own_cache(index); own != nullptr) {
            use(*own);
        } else {
            caches_.with_spare([&](cache::ThreadCache& spare) { use(*spare.find(index)); });
        }
    }
    template <class Visit>
    void for_each_arena(Visit visit) noexcept {
        for (std::uint32_t index = 0; index < cache::kMaxArenas; ++index) {
            if (arena::NodeArena* arena = arena_at(index); arena != nullptr) visit(index, *arena);
        }
    }
    /// Calls visit(const ArenaCache&) for every thread's cache of every arena.
    template <class Visit>
    void for_each_cache(Visit visit) noexcept {
        caches_.for_each([&](const cache::ThreadCache& thread) {
            for (std::uint32_t index = 0; index < cache::kMaxArenas; ++index) {
                if (const cache::ArenaCache* found = thread.find(index); found != nullptr) visit(*found);
            }
        });
    }
    bool drain_large(std::uint32_t index) noexcept;
    std::size_t release_idle(std::size_t bytes, EvictionCause cause) noexcept;
    std::size_t live_bytes() noexcept;
    /// By what was counted.
    bool anything_live() noexcept;
    /// Whether no block is held or on its way to its arena, looked at one by one: one that was returned twice
    /// may have been counted for another. Empties all caches: for a released pool.
    bool all_back() noexcept;

    const PoolOptions options_;
    const CoreSettings settings_;
    const std::uint64_t id_;
    const std::uint32_t slot_;
    const bool monitoring_;
    bool single_arena_ = true;  ///< the current node's memory is always arena 0's
    /// cache_key of arena 0 while the short ways are right: not closed, strict, disabled, zeroing or
    /// watching, and no node forbidden.
    std::atomic<std::uint64_t> fast_key_{cache::kNoCacheKey};
    /// The same if every request for the current node goes to arena 0.
    std::atomic<std::uint64_t> only_key_{cache::kNoCacheKey};
    std::atomic<bool> closed_{false};
    std::atomic<bool> sample_called_for_{false};  ///< changed under growth_mutex_
    std::atomic<bool> all_nodes_allowed_{true};
    std::atomic<std::uint64_t> cpuset_read_at_ms_{0};
    std::atomic<bool> cpuset_untold_{false};  ///< relaxed, as all of the cpuset: hints and messages
    bool released_ = false;                   ///< under the registry's lock
    std::uint32_t node_arenas_ = 0;
    std::size_t cpus_ = 0;          ///< that the process was allowed when the pool was made
    base::Mutex initialize_mutex_;  ///< one prefault at a time
    base::Mutex growth_mutex_;      ///< guards making arenas; after the registry's lock, before the others
    std::array<std::int16_t, os::NodeMask::kMaxNodes> arena_of_cpu_{};  ///< by node: where its CPUs allocate
    std::array<std::int16_t, os::NodeMask::kMaxNodes>
        arena_of_memory_{};  ///< by node: its memory's; -1: none
    arena::CommitBudget budget_;
    mutable FencedBlocks fenced_;
    cache::CacheList caches_;
    PoolCore* next_ = nullptr;  ///< in the registry
    std::array<ArenaSlot, cache::kMaxArenas> arenas_{};
    // Plain allocation; relaxed: figures.
    std::atomic<std::uint64_t> plain_allocations_{0};
    std::atomic<std::uint64_t> plain_returns_{0};
    std::atomic<std::uint64_t> plain_bytes_out_{0};
    std::atomic<std::uint64_t> plain_bytes_back_{0};
};

}  // namespace numapool::detail
