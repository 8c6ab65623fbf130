// Owns: a request's and a return's way through a pool where the block is watched for misuse.
// Must not know: exceptions; how a block is closed off (fence), where records are (fenced_blocks).
#include <cstdlib>
#include <cstring>

#include "os/fault_signal.h"
#include "os/memory_tools.h"
#include "os/virtual_memory.h"
#include "pool/decay_thread.h"
#include "pool/misuse_report.h"
#include "pool/pool_core.h"
#include "pool/pool_registry.h"
#include "pool/sample_clock.h"

namespace numapool::detail {
namespace {

// How many returned blocks wait, and how much memory; the last one does whatever its size.
constexpr std::size_t kMostSamplesWaiting = 32;
constexpr std::size_t kMostSampleBytesWaiting = std::size_t{16} << 20;
// The same where all are watched.
constexpr std::size_t kMostWaiting = 4096;
constexpr std::size_t kMostBytesWaiting = std::size_t{256} << 20;
// Samples that live long hold mappings, and a pool whose misuse was told so often needs no more of it.
constexpr std::size_t kMostSamples = 256;
constexpr std::uint64_t kMostTold = 8;

}  // namespace

void PoolCore::call_for_sample() noexcept {
    if (!samples() || closed() || !SampleClock::due()) return;
    const std::lock_guard lock(growth_mutex_);
    sample_called_for_.store(true, std::memory_order_relaxed);
    set_short_ways();
}

bool PoolCore::samples() const noexcept {
    return settings_.check == CheckMode::kSampled && !settings_.disabled && fenced_.size() < kMostSamples &&
           fenced_.found() < kMostTold;
}

bool PoolCore::wants_sample(BindMode mode) noexcept {
    if (settings_.check != CheckMode::kSampled) return false;
    if (options_.idle_decay) DecayThread::wake();  // who calls for the next one
    if (sample_called_for_.load(std::memory_order_relaxed)) {
        const std::lock_guard lock(growth_mutex_);
        sample_called_for_.store(false, std::memory_order_relaxed);
        set_short_ways();
    }
    return mode != BindMode::kStrict && samples() && SampleClock::take();
}

void* PoolCore::hand_out_fenced(cache::ArenaCache& cache, std::size_t bytes, std::size_t alignment,
                                const Request& request, Placing& placing, base::Failure& failure) noexcept {
    const bool sample = settings_.check == CheckMode::kSampled;
    const SampleTime time(sample);
    const bool watched = os::watch_faults(look_at_fault);
    // The program goes on after what a sample finds; without the handler a fault would end it.
    const bool pages = !sample || (watched && os::sees_faults());
    const FenceKind kind = os::tools_watch() ? FenceKind::kTool
                           : pages           ? FenceKind::kPages
                                             : FenceKind::kPattern;
    FenceShape shape = FenceShape::around(kind, bytes, alignment);
    Taken taken;
    if (!sample || shape.inner_bytes <= base::kMaxSlabBlockBytes) {
        taken = take(cache, shape.inner_bytes, shape.alignment, failure);
    } else {
        // No page is faulted in for a sample's fences: where no idle memory has room for them there are none.
        if (cache.drain_large()) cache.arena().release_lapsed();
        taken = taken_of(cache.arena().take_idle_block(shape.inner_bytes, shape.alignment));
        if (taken.address == nullptr && release_all_fenced())
            taken = taken_of(cache.arena().take_idle_block(shape.inner_bytes, shape.alignment));
    }
    if (taken.address == nullptr && bytes > base::kMaxSlabBlockBytes) {
        shape = FenceShape::open(kind, bytes, alignment);
        taken = take(cache, bytes, alignment, failure);
    }
    if (taken.address == nullptr) return nullptr;
    const auto inner = reinterpret_cast<std::uintptr_t>(taken.address);
    FencedBlock block(shape, inner, taken.bytes, bytes, alignment);
    if (hand_out(cache, taken, bytes, block.user() - inner, request, placing, failure) == nullptr)
        return nullptr;
    block.arena = cache.arena().settings().index;
    block.size_class = taken.size_class;
    arena::AddressRange& range = *arena::find_range(inner);
    const bool large = taken.size_class == base::kSizeClasses;
    const std::size_t slice = range.index_of(inner);
    const arena::SliceEntry held = range.entry(slice);
    block.settled = !large || held.is_live_block();
    block.got = os::CallSite::here();
    block.state = FencedBlock::State::kReturned;  // until it is closed off
    // From here on only the record leads to it. Refused where another thread returns it, which it was not
    // given.
    const bool ours =
        !large || (held.is_held_block() &&
                   arena::SliceEntry::change(range.entries[slice], held, arena::BlockState::kFenced));
    if (!ours || !fenced_.add(block)) {  // not watched, then
        if (large && ours) range.set_entry(slice, held);
        if (request.zeroed) std::memset(taken.address, 0, bytes);
        return taken.address;
    }
    if (!large) arena::set_mark(range.mark_of(inner), 0);
    block.close_off(this, request.zeroed);
    block.state = FencedBlock::State::kLive;
    fenced_.update(block);
    return reinterpret_cast<void*>(block.user());
}

std::optional<ErrorCode> PoolCore::return_fenced(std::uintptr_t address, ReturnedBy by) noexcept {
    if (!fenced_.any() || !fenced_.find(address)) return std::nullopt;
    const SampleTime time(settings_.check == CheckMode::kSampled);
    const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
    auto found = fenced_.begin_return(address, os::CallSite::here(), now);
    if (!found) return ErrorCode::kAlreadyReturned;
    FencedBlock& block = *found;
    if (const Damage damage = block.overrun()) report_damage(block, damage);
    if (!block.settled) settle(*arena::find_range(block.inner), block.inner, block.inner_bytes);
    const auto give_up = [&](bool keep) {
        if (options_.zero_on_return) std::memset(reinterpret_cast<void*>(address), 0, block.bytes);
        block.shut(this);
        fenced_.keep(block);
        if (keep) {
            release_fenced_surplus();
        } else {
            release_all_fenced();
        }
    };
    const auto count = [&] {
        with_cache(block.arena, [&](cache::ArenaCache& cache) {
            if (by == ReturnedBy::kDestructor) cache.figures.auto_returns.add(1);
            if (block.size_class < base::kSizeClasses) {
                cache.conclude_return(block.size_class);
            } else {
                cache.figures.large_bytes_back.add(block.inner_bytes);
                cache.figures.large_frees.conclude(1);
            }
        });
    };
    if (closed() || own_cache(block.arena) == nullptr) {
        PoolRegistry::return_guarded(*this, [&] {
            give_up(!closed());
            if (closed()) release_idle(budget_.committed(), EvictionCause::kTrim);
            count();
        });
        return ErrorCode::kOk;
    }
    give_up(true);
    if (options_.max_idle_bytes) enforce_idle_bound(block.inner_bytes);
    if (options_.idle_decay) DecayThread::wake();
    count();  // last: from here on a pool that is being released may be gone
    return ErrorCode::kOk;
}

bool PoolCore::release_fenced(FencedBlock block) noexcept {
    if (const Damage damage = block.late_write()) report_damage(block, damage);
    if (block.misused && block.size_class < base::kSizeClasses) return true;  // someone still uses it
    if (!block.open_up()) {
        fenced_.keep(block);
        return false;
    }
    fenced_.forget(block.user());
    if (options_.zero_on_return && block.kind == FenceKind::kPattern)
        std::memset(reinterpret_cast<void*>(block.user()), 0, block.bytes);
    arena::NodeArena& arena = *arena_at(block.arena);
    if (block.size_class < base::kSizeClasses) {
        arena.bin(block.size_class).put(arena, &block.inner, 1);  // without a mark, and so without a seal
        return true;
    }
    static_cast<void>(
        arena::change_block(block.inner, arena::BlockState::kFenced, arena::BlockState::kCached));
    arena::AddressRange& range = *arena::find_range(block.inner);
    const std::size_t in_slots = arenas_[block.arena].shared->budget.large_blocks.drawn();
    if (arena.put_block(range, range.index_of(block.inner), block.inner_bytes, in_slots))
        arena.release_lapsed();
    return true;
}

bool PoolCore::release_fenced(std::size_t keep_blocks, std::size_t keep_bytes) noexcept {
    bool any = false;
    for (;;) {
        const auto block = fenced_.take_surplus(keep_blocks, keep_bytes);
        if (!block || !release_fenced(*block)) return any;
        any = true;
    }
}

void PoolCore::release_fenced_surplus() noexcept {
    if (settings_.check == CheckMode::kAll) {
        release_fenced(kMostWaiting, kMostBytesWaiting);
    } else {
        release_fenced(kMostSamplesWaiting, kMostSampleBytesWaiting);
    }
}

bool PoolCore::decay_fenced(std::uint32_t now_ms, std::uint32_t decay_ms) noexcept {
    for (;;) {
        const auto block = fenced_.take_older(now_ms, decay_ms);
        if (!block || !release_fenced(*block)) return fenced_.waiting() != 0;
    }
}

void PoolCore::report_damage(const FencedBlock& block, Damage damage) noexcept {
    fenced_.count_found();
    tell_of_damage(options_.name.c_str(), block, damage);
    if (settings_.check == CheckMode::kAll) std::abort();
}

ErrorCode PoolCore::refuse_return(ErrorCode code, std::uintptr_t address) const noexcept {
    if (settings_.check != CheckMode::kAll) return code;
    const auto known = fenced_.find_around(address);
    fenced_.count_found();
    tell_of_return(options_.name.c_str(), code, address, known ? &*known : nullptr, os::CallSite::here());
    std::abort();
}

bool PoolCore::look_at_fault(std::uintptr_t address) noexcept {
    const arena::AddressRange* range = arena::find_range(address);
    if (range == nullptr) return false;
    auto& pool = *static_cast<PoolCore*>(range->pool);
    const auto block = pool.fenced_.find_around(address);
    if (!block || block->kind != FenceKind::kPages) return false;
    pool.fenced_.count_found();
    tell_of_access(pool.options_.name.c_str(), *block, address);
    if (pool.settings_.check == CheckMode::kAll) return false;  // ends here, where a debugger should look
    // The program goes on: what it touches is nobody's, and stays so.
    if (block->state == FencedBlock::State::kReturned) {
        pool.fenced_.mark_misused(block->user());
        return os::commit(block->inner, block->inner_bytes) == 0;
    }
    return address < block->user() ? os::commit(block->inner, block->front) == 0
                                   : os::commit(block->end() - block->back, block->back) == 0;
}

}  // namespace numapool::detail
