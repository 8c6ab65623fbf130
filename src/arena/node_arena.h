// Owns: one node's memory in one pool: its ranges, large blocks and slab memory, and giving idle memory back.
// Must not know: threads, other nodes, or why a buffer is wanted.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "numapool/options.h"
#include "numapool/statistics.h"

#include "arena/commit_budget.h"
#include "arena/credits.h"
#include "arena/page_heap.h"
#include "arena/page_home.h"
#include "arena/slab_bin.h"
#include "base/adaptive_mutex.h"
#include "base/result.h"
#include "base/size_classes.h"

namespace numapool::arena {

struct Patchwork;

struct ArenaSettings {
    CommitBudget* budget = nullptr;
    void* pool = nullptr;  ///< handed through to whoever finds a range by address
    std::uint32_t index = 0;
    PageHome home;          ///< where its pages shall lie
    bool asks_home = true;  ///< tells the kernel so from the start
    HugePages huge_pages = HugePages::kAuto;
    std::size_t range_bytes = std::size_t{64} << 30;
    std::size_t max_credits = 32;  ///< idle large buffers kept
    bool movable = true;           ///< its pages may be moved to other addresses while they are idle
    bool credits_bound = true;     ///< false: large idle memory is bounded by someone else, in bytes
    /// Whether decay() is called as long as there is idle memory; nullptr: never.
    const std::atomic<bool>* decays = nullptr;
};

/// A large block, or memory for a slab.
struct Extent {
    std::uintptr_t address = 0;  ///< 0: none
    std::size_t bytes = 0;
    std::size_t reused_bytes = 0;  ///< of them, those that an earlier buffer returned
    bool committed = false;        ///< counted as committed
    bool moved = false;            ///< pages were moved together for it
    // Unless told, nothing of it is known to read zero.
    std::size_t zero_until = 0;               ///< its first so many bytes do
    std::size_t zero_from = ~std::size_t{0};  ///< and all from here on

    bool reused() const noexcept { return bytes != 0 && reused_bytes == bytes; }
};

/// Which idle memory to give back first, and which not at all.
enum class ReleaseScope {
    kGranules,  ///< whole idle granules that were handed out before, the longest idle first
    kAll,       ///< those first, then any idle run, prefaulted ones too
};

/// Thread safety: every function may be called from any thread. Lock order: a bin's lock, then the arena's.
class NodeArena {
public:
    explicit NodeArena(const ArenaSettings& settings) noexcept
        : settings_(settings), asked_home_(settings.asks_home) {}
    NodeArena(const NodeArena&) = delete;
    NodeArena& operator=(const NodeArena&) = delete;
    /// Releases all ranges; no block may be live and no thread may use the arena.
    ~NodeArena();

    /// Reserves the first range if there is none yet.
    base::Result<bool> initialize() noexcept;
    /// Sets as much vacant memory aside as the arena's free memory lacks to `bytes`, committed and counted,
    /// for the caller to fault in without the lock held; no slices if nothing lacks. End it with
    /// finish_prefault.
    base::Result<Run> begin_prefault(std::size_t bytes) noexcept;
    /// Makes it free memory, prefaulted if `keep`, or else vacant again and not counted.
    void finish_prefault(const Run& run, bool keep) noexcept;

    /// A large block from memory that was returned before; Extent{} if no idle run is long enough.
    Extent take_idle_block(std::size_t bytes, std::size_t alignment, Fit fit = Fit::kAny) noexcept;
    /// A large block of idle memory from several places: pages are moved together, in whole granules, and
    /// only what is missing then is new. Extent{} if there is nothing to move, or pages cannot be moved.
    base::Result<Extent> take_moved_block(std::size_t bytes, std::size_t alignment) noexcept;
    /// A large block from memory that, in part at least, was not handed out before.
    base::Result<Extent> take_new_block(std::size_t bytes, std::size_t alignment) noexcept;
    /// Takes a large block of `bytes` back that is marked as cached. Returns whether release_lapsed is due.
    bool put_block(AddressRange& range, std::size_t first, std::size_t bytes,
                   std::size_t credits_held_elsewhere) noexcept;
    /// The large blocks that were not put back here, by the slice table.
    std::size_t large_blocks() noexcept;
    /// Takes a large block back that is marked as cached and gives its pages to the system: they shall not be
    /// reused as they are.
    void discard_block(AddressRange& range, std::size_t first) noexcept;
    /// Gives whole granules back for credits that lapsed. Where idle memory decays, its ticks do.
    void release_lapsed() noexcept;

    /// Gives idle memory back until `bytes` are; returns how many were. Never holds the lock across a system
    /// call.
    std::size_t release_idle(std::size_t bytes, ReleaseScope scope, EvictionCause cause) noexcept;
    /// The idle bytes, of all arenas, that the calling thread gave back since it began, for any cause.
    static std::uint64_t given_back_by_thread() noexcept;
    /// One tick of decay: what is idle for `decay_ms` goes, of the rest a share that has all of it gone by
    /// then. Returns whether there may be more to do later.
    bool decay(std::uint32_t now_ms, std::uint32_t tick_ms, std::uint32_t decay_ms) noexcept;

    /// Memory for one slab, its slices committed and counted only if `extent.committed`; see SlabBin.
    base::Result<Extent> take_slab_memory(std::uint32_t size_class, AddressRange*& range) noexcept;
    /// Counts `slices` more slices of a slab as committed. False: the limit.
    bool charge_slab(Tier tier, std::size_t slices) noexcept;
    /// Takes a slab's memory back: of its slices the first `used` were handed out, those up to
    /// `charged` are committed, the others vacant.
    void put_slab_memory(const Slab& slab, Tier tier, std::size_t used, std::size_t charged) noexcept;
    void* allocate_record(std::size_t bytes) noexcept;
    void free_record(void* record, std::size_t bytes) noexcept;

    /// Tells the kernel where the pages shall lie, of memory in use too. Does nothing if the pages may lie
    /// anywhere.
    void ask_home(os::Present present) noexcept;
    /// Whether the kernel was told, or refused to be.
    bool asked_home() const noexcept { return asked_home_.load(std::memory_order_relaxed); }
    /// Why the kernel could not be told, as an errno; 0 if it was, or none is needed.
    int policy_error() const noexcept { return policy_error_.load(std::memory_order_relaxed); }
    /// Looks the arena's own pages in [address, address + bytes) up, and counts what was found. Pages that
    /// lie elsewhere are moved first if `repair` and the nodes have room.
    PageCheck check_pages(std::uintptr_t address, std::size_t bytes, bool repair) noexcept;
    /// Looks all of the arena's pages up, idle ones too, and counts; adds to found[node].
    PageCheck check_all_pages(std::span<std::uint64_t> found) noexcept;
    /// Pages looked up so far that had memory behind them, or of which the kernel would not tell; and how
    /// many of them lay where they should.
    std::uint64_t pages_looked_up() const noexcept { return looked_up_.load(std::memory_order_relaxed); }
    std::uint64_t pages_found_home() const noexcept { return found_home_.load(std::memory_order_relaxed); }

    /// The range for that purpose that was made last; nullptr before there is one.
    const AddressRange* newest_range(Purpose purpose) const noexcept {
        // Acquire pairs with the release in add_range.
        return newest_ranges_[static_cast<std::size_t>(purpose)].load(std::memory_order_acquire);
    }
    SlabBin& bin(std::uint32_t size_class) noexcept { return bins_[size_class]; }
    void* pool() const noexcept { return settings_.pool; }
    const ArenaSettings& settings() const noexcept { return settings_; }

    /// Counts a block that pages were moved together for.
    void count_stitched() noexcept { stitched_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t stitched() const noexcept { return stitched_.load(std::memory_order_relaxed); }
    std::size_t committed_bytes() const noexcept { return committed_.load(std::memory_order_relaxed); }
    std::size_t slab_bytes(Tier tier) const noexcept {
        return slab_bytes_[static_cast<std::size_t>(tier)].load(std::memory_order_relaxed);
    }
    std::size_t credits() noexcept;
    std::size_t metadata_bytes() noexcept;
    std::size_t resident_bytes() noexcept;
    Eviction evicted(EvictionCause cause) const noexcept;

    /// For fork: take and give up all locks.
    void lock_all() noexcept;
    void unlock_all() noexcept;

private:
    struct RecordChunk {
        RecordChunk* next;
    };
    struct Evicted {
        std::atomic<std::uint64_t> events{0};
        std::atomic<std::uint64_t> bytes{0};
    };
    static constexpr std::size_t kSegments = 16;
    using Segments = std::array<Run, kSegments>;

    // All below: the caller holds mutex_.
    base::Result<Run> take_vacant(std::size_t slices, std::size_t align, Purpose purpose) noexcept;
    base::Result<bool> add_range(std::size_t least_bytes, Purpose purpose) noexcept;
    /// Opens a run that was not in use and asks for huge pages as the policy says.
    base::Result<Run> prepare(const Run& run) noexcept;
    int make_writable(const Run& run) noexcept;
    void ask_home(const AddressRange& range, std::size_t first, std::size_t end,
                  os::Present present) noexcept;
    void advise_huge(const Run& run) noexcept;
    /// `reused_bytes` of it, side by side from `reused_at` on, were returned by an earlier buffer.
    static Extent live_extent(const Run& run, std::size_t reused_bytes, std::size_t reused_at) noexcept;
    void put_idle(Run run, RunKind kind) noexcept;
    std::size_t select(std::size_t bytes, ReleaseScope scope, Segments& segments) noexcept;
    std::size_t select_decayed(std::uint32_t now_ms, std::uint32_t tick_ms, std::uint32_t decay_ms,
                               Segments& segments) noexcept;
    std::optional<Run> oldest_granules(std::size_t most_slices) noexcept;
    void set_aside(Run run) noexcept;
    /// Sets a place for the block aside; false if nothing could be moved there.
    base::Result<bool> begin(Patchwork& work, std::size_t slices, std::size_t align) noexcept;
    std::size_t select_movable(const Patchwork& work, Segments& pieces) noexcept;
    std::size_t select_patched(Segments& stretches) noexcept;
    void enter_moved(const Run& from, AddressRange& range, std::size_t first) noexcept;
    void enter_mapped_anew(AddressRange& range, std::size_t first, std::size_t slices) noexcept;
    void dissolve(const Patchwork& work) noexcept;

    // The caller does not hold mutex_.
    bool decays() const noexcept {
        return settings_.decays != nullptr && settings_.decays->load(std::memory_order_relaxed);
    }
    bool may_move() const noexcept;
    bool fill(Patchwork& work) noexcept;
    void release_unmoved(std::size_t slices) noexcept;
    int move(Patchwork& work, const Segments& pieces, std::size_t count) noexcept;
    base::Result<Extent> finish(const Patchwork& work) noexcept;
    void map_patched_anew() noexcept;
    /// Calls visit(range, address, bytes) for the parts of each range that were in use so far.
    template <class Visit>
    void for_each_used_part(Visit visit) noexcept;
    void count(const PageCheck& check) noexcept;
    std::size_t give_back(const Segments& segments, std::size_t count, EvictionCause cause) noexcept;
    void commit(std::size_t bytes) noexcept;  ///< counts what the budget was charged with
    void uncommit(std::size_t bytes) noexcept;

    const ArenaSettings settings_;
    base::AdaptiveMutex mutex_;
    PageHeap heap_;
    std::array<std::atomic<const AddressRange*>, kPurposes> newest_ranges_{};
    Credits credits_;
    bool credits_ready_ = false;
    RecordChunk* record_chunks_ = nullptr;
    std::uintptr_t record_free_ = 0;
    std::uintptr_t record_end_ = 0;
    std::array<void*, 64> record_lists_{};  ///< freed records by size / 64
    std::size_t record_bytes_ = 0;
    // Relaxed: figures for statistics and limits, guarding no other memory.
    std::atomic<std::size_t> committed_{0};
    std::array<std::atomic<std::size_t>, 2> slab_bytes_{};
    std::atomic<bool> asked_home_{false};
    std::atomic<int> policy_error_{0};
    std::atomic<std::uint64_t> looked_up_{0};
    std::atomic<std::uint64_t> found_home_{0};
    std::atomic<std::uint64_t> stitched_{0};
    std::array<Evicted, kEvictionCauses> evicted_{};
    std::size_t aside_ = 0;  ///< runs in no one's reach while the system works on them; a fork waits for none
    std::array<SlabBin, base::kSizeClasses> bins_{};
};

}  // namespace numapool::arena
