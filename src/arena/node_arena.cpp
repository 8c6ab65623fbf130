// Owns: taking memory from an arena and putting it back.
// Must not know: threads, other nodes; idle_release.cpp has the way back to the system.
#include "arena/node_arena.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <thread>

#include "arena/mapping_edges.h"
#include "base/bits.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using base::kGranuleBytes;
using base::kSliceBytes;
using base::kSlicesPerGranule;

constexpr std::size_t kRecordChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kWritableStep = 64;  // slices: 4 MiB, so that small growth costs few mprotect calls
constexpr std::size_t kHugeFromSlices = kSlicesPerGranule;
constexpr std::size_t kSlabShare = 4;  // a range for slabs is this part of one for large blocks

std::size_t slices_for(std::size_t bytes) noexcept { return (bytes + kSliceBytes - 1) / kSliceBytes; }

std::size_t align_slices(std::size_t alignment) noexcept {
    return alignment <= kSliceBytes ? 1 : alignment / kSliceBytes;
}

}  // namespace

NodeArena::~NodeArena() {
    for (AddressRange* range = heap_.ranges(); range != nullptr;) {
        AddressRange* next = range->next;
        release_range(range);
        range = next;
    }
    for (RecordChunk* chunk = record_chunks_; chunk != nullptr;) {
        RecordChunk* next = chunk->next;
        os::release(reinterpret_cast<std::uintptr_t>(chunk), kRecordChunkBytes);
        chunk = next;
    }
    credits_.release();
}

base::Result<bool> NodeArena::initialize() noexcept {
    const std::lock_guard lock(mutex_);
    if (heap_.ranges() != nullptr) return true;
    return add_range(0, Purpose::kLargeBlock);
}

base::Result<bool> NodeArena::add_range(std::size_t least_bytes, Purpose purpose) noexcept {
    if (!credits_ready_)
        credits_ready_ = credits_.reserve(settings_.credits_bound ? settings_.max_credits : 0);
    if (!credits_ready_) {
        return base::Failure{ErrorCode::kOutOfMemory, errno, settings_.max_credits * sizeof(std::size_t), 0};
    }
    const std::size_t wanted =
        purpose == Purpose::kLargeBlock ? settings_.range_bytes : settings_.range_bytes / kSlabShare;
    AddressRange* range = reserve_range(wanted, least_bytes, purpose, *this);
    if (range == nullptr) {
        const std::size_t least = base::align_up(std::max<std::size_t>(least_bytes, 1), kRangeUnitBytes);
        return base::Failure{ErrorCode::kOutOfMemory, errno, least, base::kNoAddresses};
    }
    if (asked_home() && !settings_.home.by_granule()) ask_home(*range, 0, range->slices, os::Present::kStay);
    // A kernel without transparent huge pages refuses both, and then there is nothing to rule out either.
    if (settings_.huge_pages != HugePages::kAuto) {
        os::advise_huge_pages(range->base, range->slices * kSliceBytes,
                              settings_.huge_pages == HugePages::kAlways);
    }
    heap_.add_range(range);
    newest_ranges_[static_cast<std::size_t>(purpose)].store(range, std::memory_order_release);
    return true;
}

int NodeArena::make_writable(const Run& run) noexcept {
    AddressRange& range = *run.range;
    const std::size_t end = run.first + run.slices;
    if (end <= range.writable) return 0;
    std::size_t target = std::min(base::align_up(end, kWritableStep), range.slices);
    int error = os::commit(range.address_of(range.writable), (target - range.writable) * kSliceBytes);
    if (error != 0) {
        target = base::align_up(end, kSlicesPerGranule);
        error = os::commit(range.address_of(range.writable), (target - range.writable) * kSliceBytes);
    }
    if (error != 0) return error;
    // Each granule is a mapping of its own: only those that come into use are made.
    if (asked_home() && settings_.home.by_granule())
        ask_home(range, range.writable, target, os::Present::kStay);
    mark_edge(range, range.writable / kSlicesPerGranule, false);
    range.writable = target;
    return 0;
}

void NodeArena::advise_huge(const Run& run) noexcept {
    if (settings_.huge_pages != HugePages::kAuto || run.slices < kHugeFromSlices) return;
    // Rounded outwards: blocks lie end to end, so the edges belong to a neighbour or to memory about to be
    // used.
    AddressRange& range = *run.range;
    const std::size_t end = (run.first + run.slices + kSlicesPerGranule - 1) / kSlicesPerGranule;
    for (std::size_t granule = run.first / kSlicesPerGranule; granule < end; ++granule) {
        if (range.huge_advised[granule] != 0) continue;
        const std::size_t begin = granule;
        while (granule < end && range.huge_advised[granule] == 0) range.huge_advised[granule++] = 1;
        os::advise_huge_pages(range.base + begin * kGranuleBytes, (granule - begin) * kGranuleBytes, true);
        mark_edge(range, begin, false);
        mark_edge(range, granule, false);
    }
}

base::Result<Run> NodeArena::take_vacant(std::size_t slices, std::size_t align, Purpose purpose) noexcept {
    std::optional<Run> run = heap_.take(RunKind::kVacant, slices, align, purpose);
    if (!run) run = heap_.take_fresh(slices, align, purpose);
    if (!run) {
        const std::size_t padded = slices + align;
        if (padded > std::numeric_limits<std::size_t>::max() / kSliceBytes / 2) {
            return base::Failure{ErrorCode::kOutOfMemory, ENOMEM, slices, 0};
        }
        auto added = add_range(padded * kSliceBytes, purpose);
        if (!added) return added.failure();
        run = heap_.take_fresh(slices, align, purpose);
    }
    auto ready = prepare(*run);
    if (!ready) heap_.put(*run);
    return ready;
}

base::Result<Run> NodeArena::prepare(const Run& run) noexcept {
    if (const int error = make_writable(run); error != 0) {
        return base::Failure{ErrorCode::kOutOfMemory, error, run.bytes(), 0};
    }
    advise_huge(run);
    return run;
}

void NodeArena::commit(std::size_t bytes) noexcept {
    committed_.fetch_add(bytes, std::memory_order_relaxed);
    settings_.budget->confirm(bytes);
}

Extent NodeArena::live_extent(const Run& run, std::size_t reused_bytes, std::size_t reused_at) noexcept {
    run.range->set_entry(run.first, SliceEntry::block(run.slices, BlockState::kLive));
    Extent extent{run.address(), run.bytes(), reused_bytes, true};
    extent.zero_until = reused_bytes == 0 ? run.bytes() : reused_at;
    extent.zero_from = reused_at + reused_bytes;
    return extent;
}

Extent NodeArena::take_idle_block(std::size_t bytes, std::size_t alignment, Fit fit) noexcept {
    const std::lock_guard lock(mutex_);
    const auto run =
        heap_.take(RunKind::kIdle, slices_for(bytes), align_slices(alignment), Purpose::kLargeBlock, fit);
    if (!run) return {};
    credits_.consume(run->bytes());
    credits_.shrink(heap_.free_bytes(RunKind::kIdle));  // runs of several buffers may have served this one
    return live_extent(*run, run->bytes(), 0);
}

base::Result<Extent> NodeArena::take_new_block(std::size_t bytes, std::size_t alignment) noexcept {
    const std::size_t slices = slices_for(bytes);
    const std::size_t align = align_slices(alignment);
    const std::lock_guard lock(mutex_);
    if (const auto run = heap_.take(RunKind::kPrefaulted, slices, align)) {
        return live_extent(*run, 0, 0);
    }
    // Idle memory that only lacks a part grows what is held by less than a block of its own would.
    const std::optional<JoinedRun> joined = align == 1 ? heap_.take_joined(slices) : std::nullopt;
    const std::size_t idle_bytes = joined ? joined->idle.bytes() : 0;
    const std::size_t wanted = slices * kSliceBytes - idle_bytes;
    base::Result<Run> run = base::Failure{ErrorCode::kLimitExceeded, 0, bytes, settings_.budget->limit()};
    if (settings_.budget->charge(wanted)) {
        run = joined ? prepare(joined->whole()) : take_vacant(slices, align, Purpose::kLargeBlock);
        if (!run) settings_.budget->refund(wanted);
    }
    if (!run) {
        if (joined) {
            heap_.put(joined->idle);
            heap_.put(joined->vacant);
        }
        return run.failure();
    }
    commit(wanted);
    credits_.shrink(heap_.free_bytes(RunKind::kIdle));
    return live_extent(*run, idle_bytes, joined ? joined->idle.address() - run->address() : 0);
}

void NodeArena::put_idle(Run run, RunKind kind) noexcept {
    const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
    const std::size_t end = (run.first + run.slices + kSlicesPerGranule - 1) / kSlicesPerGranule;
    for (std::size_t g = run.first / kSlicesPerGranule; g < end; ++g) run.range->idle_since[g] = now;
    run.kind = kind;
    heap_.put(run);
}

bool NodeArena::put_block(AddressRange& range, std::size_t first, std::size_t bytes,
                          std::size_t credits_held_elsewhere) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t slices = bytes / kSliceBytes;
    range.set_entry(first, SliceEntry());
    put_idle({&range, first, slices, RunKind::kIdle}, RunKind::kIdle);
    if (!settings_.credits_bound) return false;
    const std::size_t limit = settings_.max_credits - std::min(settings_.max_credits, credits_held_elsewhere);
    credits_.add(slices * kSliceBytes, limit);
    return !decays() && credits_.due(base::kGranuleBytes);
}

base::Result<Extent> NodeArena::take_slab_memory(std::uint32_t size_class, AddressRange*& range) noexcept {
    const base::ClassShape& shape = base::kClassShapes[size_class];
    const std::lock_guard lock(mutex_);
    const bool coarse = shape.block_bytes % (1U << kCoarseUnitShift) == 0;
    const Purpose purpose = coarse ? Purpose::kCoarseSlab : Purpose::kFineSlab;
    RunKind kind = RunKind::kIdle;
    std::optional<Run> run = heap_.take(kind, shape.slices, 1, purpose);
    if (!run) run = heap_.take(kind = RunKind::kPrefaulted, shape.slices, 1, purpose);
    if (!run) {
        kind = RunKind::kVacant;
        auto taken = take_vacant(shape.slices, 1, purpose);
        if (!taken) return taken.failure();
        run = *taken;
    }
    range = run->range;
    if (const int error = open_marks(*range, run->first + run->slices); error != 0) {
        heap_.put(*run);
        return base::Failure{ErrorCode::kOutOfMemory, error, run->bytes(), 0};
    }
    if (kind != RunKind::kVacant) {
        slab_bytes_[static_cast<std::size_t>(base::tier_of(shape.block_bytes))].fetch_add(
            run->bytes(), std::memory_order_relaxed);
    }
    const bool committed = kind != RunKind::kVacant;
    return Extent{run->address(), run->bytes(), kind == RunKind::kIdle ? run->bytes() : 0, committed};
}

bool NodeArena::charge_slab(Tier tier, std::size_t slices) noexcept {
    const std::size_t bytes = slices * kSliceBytes;
    if (!settings_.budget->charge(bytes)) return false;
    commit(bytes);
    slab_bytes_[static_cast<std::size_t>(tier)].fetch_add(bytes, std::memory_order_relaxed);
    return true;
}

void NodeArena::put_slab_memory(const Slab& slab, Tier tier, std::size_t used, std::size_t charged) noexcept {
    const std::lock_guard lock(mutex_);
    AddressRange& range = *find_range(slab.base);
    const std::size_t first = range.index_of(slab.base);
    for (std::size_t i = 0; i < slab.shape.slices; ++i) range.set_entry(first + i, SliceEntry());
    slab_bytes_[static_cast<std::size_t>(tier)].fetch_sub(charged * kSliceBytes, std::memory_order_relaxed);
    if (used != 0) put_idle({&range, first, used, RunKind::kIdle}, RunKind::kIdle);
    if (charged > used)
        put_idle({&range, first + used, charged - used, RunKind::kPrefaulted}, RunKind::kPrefaulted);
    if (slab.shape.slices > charged)
        heap_.put({&range, first + charged, slab.shape.slices - charged, RunKind::kVacant});
}

void* NodeArena::allocate_record(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    void*& list = record_lists_[bytes / 64];
    if (list != nullptr) {
        void* record = list;
        list = *static_cast<void**>(record);
        return record;
    }
    if (record_end_ - record_free_ < bytes) {
        auto* chunk = static_cast<RecordChunk*>(os::map_records(kRecordChunkBytes));
        if (chunk == nullptr) return nullptr;
        chunk->next = record_chunks_;
        record_chunks_ = chunk;
        record_free_ = reinterpret_cast<std::uintptr_t>(chunk) + 64;
        record_end_ = reinterpret_cast<std::uintptr_t>(chunk) + kRecordChunkBytes;
    }
    void* record = reinterpret_cast<void*>(record_free_);
    record_free_ += bytes;
    record_bytes_ += bytes;
    return record;
}

void NodeArena::free_record(void* record, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    *static_cast<void**>(record) = record_lists_[bytes / 64];
    record_lists_[bytes / 64] = record;
}

std::size_t NodeArena::large_blocks() noexcept {
    const std::lock_guard lock(mutex_);
    std::size_t blocks = 0;
    for (AddressRange* range = heap_.ranges(); range != nullptr; range = range->next) {
        if (range->purpose != Purpose::kLargeBlock) continue;
        for (std::size_t slice = 0; slice < range->fresh;) {
            const SliceEntry entry = range->entry(slice);
            blocks += entry.is_block();
            slice += std::max<std::size_t>(entry.slices(), 1);
        }
    }
    return blocks;
}

std::size_t NodeArena::credits() noexcept {
    const std::lock_guard lock(mutex_);
    return credits_.count();
}

std::size_t NodeArena::metadata_bytes() noexcept {
    const std::lock_guard lock(mutex_);
    std::size_t bytes = sizeof(NodeArena) + record_bytes_;
    for (const AddressRange* range = heap_.ranges(); range != nullptr; range = range->next) {
        const std::size_t per_slice = sizeof(std::uint64_t) + sizeof(RunLinks);
        const std::size_t per_granule = sizeof(std::uint32_t) + sizeof(std::uint8_t);
        bytes += range->marked * kSliceBytes >> range->unit_shift;
        bytes +=
            sizeof(AddressRange) + range->fresh * per_slice + range->fresh / kSlicesPerGranule * per_granule;
    }
    return bytes;
}

void NodeArena::lock_all() noexcept {
    for (SlabBin& bin : bins_) bin.mutex().lock();
    // What is set aside at the fork would be lost to the child.
    for (mutex_.lock(); aside_ != 0; mutex_.lock()) {
        mutex_.unlock();
        std::this_thread::yield();
    }
}

void NodeArena::unlock_all() noexcept {
    mutex_.unlock();
    for (SlabBin& bin : bins_) bin.mutex().unlock();
}

}  // namespace numapool::arena
