// Owns: an arena's way back to the system: which idle memory goes, and giving it back without the lock held.
// Must not know: when; callers decide. Taking memory is in node_arena.cpp.
#include <algorithm>
#include <cmath>
#include <utility>

#include "arena/idle_age.h"
#include "arena/node_arena.h"
#include "base/bits.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using base::kGranuleBytes;
using base::kSliceBytes;
using base::kSlicesPerGranule;

constinit thread_local std::uint64_t given_back = 0;  ///< by this thread, of any arena

/// The granules that lie wholly inside a run: [first, second).
std::pair<std::size_t, std::size_t> whole_granules(const Run& run) noexcept {
    const std::size_t begin = (run.first + kSlicesPerGranule - 1) / kSlicesPerGranule;
    return {begin, std::max(begin, (run.first + run.slices) / kSlicesPerGranule)};
}

/// Neighbours, one of them vacant before it was set aside.
bool belong_together(const Run& first, const Run& second) noexcept {
    return first.range == second.range && first.end() == second.first &&
           (first.kind == RunKind::kVacant || second.kind == RunKind::kVacant);
}

/// How many of `granules` idle for `age` go at this tick. What is kept falls along a smoothstep, slowly at
/// first, so that memory between two uses mostly stays, and is nothing at decay_ms (the curve of jemalloc's
/// decay).
std::size_t decayed(std::size_t granules, std::uint32_t age, std::uint32_t tick_ms,
                    std::uint32_t decay_ms) noexcept {
    if (age >= decay_ms) return granules;
    const auto kept_at = [&](std::uint32_t ms) {
        const double x = static_cast<double>(ms) / decay_ms;
        return 1.0 - x * x * (3.0 - 2.0 * x);
    };
    const double kept = kept_at(age) / kept_at(age - std::min(age, tick_ms));
    return static_cast<std::size_t>(std::lround(static_cast<double>(granules) * (1.0 - kept)));
}

}  // namespace

std::optional<Run> NodeArena::oldest_granules(std::size_t most_slices) noexcept {
    const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
    std::optional<Run> oldest;
    std::uint32_t oldest_age = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (auto run = heap_.first(RunKind::kIdle); run; run = heap_.after(*run)) {
        const auto [first, last] = whole_granules(*run);
        for (std::size_t granule = first; granule < last; ++granule) {
            const std::uint32_t since = run->range->idle_since[granule];
            if (oldest && idle_age(since, now) <= oldest_age) continue;
            oldest = run;
            oldest_age = idle_age(since, now);
            begin = granule;
            for (end = granule + 1; end < last && run->range->idle_since[end] == since;) ++end;
        }
    }
    if (!oldest) return std::nullopt;
    end = std::min(end, begin + std::max<std::size_t>(1, most_slices / kSlicesPerGranule));
    return heap_.take_part(*oldest, begin * kSlicesPerGranule, (end - begin) * kSlicesPerGranule);
}

void NodeArena::set_aside(Run run) noexcept {
    run.kind = RunKind::kBusy;
    heap_.put(run);
    ++aside_;
}

std::size_t NodeArena::select(std::size_t bytes, ReleaseScope scope, Segments& segments) noexcept {
    std::size_t count = 0;
    std::size_t slices = bytes / kSliceBytes + (bytes % kSliceBytes != 0);
    const auto add = [&](const Run& run) {
        set_aside(run);
        segments[count++] = run;
    };
    while (count + 2 < kSegments && slices != 0) {
        std::optional<Run> run = oldest_granules(slices);
        for (const RunKind kind : {RunKind::kIdle, RunKind::kPrefaulted}) {
            if (run || scope == ReleaseScope::kGranules) break;
            if (const auto any = heap_.first(kind)) {
                const std::size_t part = std::min(any->slices, slices);
                run = heap_.take_part(*any, any->first + any->slices - part, part);
            }
        }
        if (!run) break;
        slices -= std::min(slices, run->slices);
        // What is vacant in the same granule may have come with a huge page, when its neighbour was touched
        // or by the kernel's own doing later, and nobody else would give it back.
        const bool alone = settings_.huge_pages == HugePages::kNever;
        const Run before = alone ? Run{} : heap_.take_granule_before(*run);
        const Run behind = alone ? Run{} : heap_.take_granule_behind(*run);
        if (before.slices != 0) add(before);
        add(*run);
        if (behind.slices != 0) add(behind);
    }
    return count;
}

std::size_t NodeArena::select_decayed(std::uint32_t now_ms, std::uint32_t tick_ms, std::uint32_t decay_ms,
                                      Segments& segments) noexcept {
    std::size_t count = 0;
    for (const RunKind kind : {RunKind::kIdle, RunKind::kPrefaulted}) {
        for (auto run = heap_.first(kind); run && count < kSegments;) {
            const auto next = heap_.after(*run);
            const std::uint32_t* idle_since = run->range->idle_since;
            const auto [first, last] = whole_granules(*run);
            // From the back, each stretch of granules that became idle together by itself: young memory
            // merged with old does not keep it.
            for (std::size_t end = last; end > first && count < kSegments;) {
                std::size_t begin = end - 1;
                while (begin > first && idle_since[begin - 1] == idle_since[end - 1]) --begin;
                const std::uint32_t age = idle_age(idle_since[end - 1], now_ms);
                const std::size_t go = age < tick_ms ? 0 : decayed(end - begin, age, tick_ms, decay_ms);
                if (go != 0) {
                    const std::size_t from = (end - go) * kSlicesPerGranule;
                    segments[count++] = heap_.take_part(*run, from, go * kSlicesPerGranule);
                    run->slices = from - run->first;
                }
                end = begin;
            }
            run = next;
        }
    }
    for (std::size_t i = 0; i < count; ++i) set_aside(segments[i]);
    return count;
}

std::size_t NodeArena::give_back(const Segments& segments, std::size_t count, EvictionCause cause) noexcept {
    std::size_t given = 0;
    for (std::size_t i = 0; i < count;) {
        // With the vacant memory next to it in one call: between two the kernel could fill it in again.
        std::size_t end = i + 1;
        while (end < count && belong_together(segments[end - 1], segments[end])) ++end;
        const std::uintptr_t address = segments[i].address();
        const bool gone = os::decommit(address, segments[end - 1].address_behind() - address) == 0;
        const std::lock_guard lock(mutex_);
        for (; i < end; ++i) {
            Run busy = segments[i];
            busy.kind = RunKind::kBusy;
            heap_.change_kind(busy, gone ? RunKind::kVacant : segments[i].kind);
            --aside_;
            if (gone && segments[i].kind != RunKind::kVacant) given += busy.bytes();
        }
        credits_.shrink(heap_.free_bytes(RunKind::kIdle));
    }
    if (given != 0) {
        uncommit(given);
        given_back += given;
        Evicted& evicted = evicted_[static_cast<std::size_t>(cause)];
        evicted.events.fetch_add(1, std::memory_order_relaxed);
        evicted.bytes.fetch_add(given, std::memory_order_relaxed);
    }
    return given;
}

void NodeArena::uncommit(std::size_t bytes) noexcept {
    committed_.fetch_sub(bytes, std::memory_order_relaxed);
    settings_.budget->uncharge(bytes);
}

std::uint64_t NodeArena::given_back_by_thread() noexcept { return given_back; }

std::size_t NodeArena::release_idle(std::size_t bytes, ReleaseScope scope, EvictionCause cause) noexcept {
    std::size_t given = 0;
    while (given < bytes) {
        Segments segments;
        std::size_t count = 0;
        {
            const std::lock_guard lock(mutex_);
            count = select(bytes - given, scope, segments);
        }
        const std::size_t part = give_back(segments, count, cause);
        if (part == 0) break;
        given += part;
    }
    return given;
}

void NodeArena::release_lapsed() noexcept {
    if (decays()) return;
    std::size_t bytes = 0;
    {
        const std::lock_guard lock(mutex_);
        bytes = credits_.call_in(kGranuleBytes, false);
    }
    // What cannot be given back now because no granule is whole is forgiven: it is in use by neighbours.
    release_idle(bytes, ReleaseScope::kGranules, EvictionCause::kMaxBuffers);
}

void NodeArena::discard_block(AddressRange& range, std::size_t first) noexcept {
    Run run;
    {
        const std::lock_guard lock(mutex_);
        run = {&range, first, range.entry(first).slices(), RunKind::kBusy};
        range.set_entry(first, SliceEntry());
        set_aside(run);
    }
    const bool gone = os::decommit(run.address(), run.bytes()) == 0;
    const std::lock_guard lock(mutex_);
    heap_.change_kind(run, gone ? RunKind::kVacant : RunKind::kIdle);
    --aside_;
    if (gone) uncommit(run.bytes());
}

bool NodeArena::decay(std::uint32_t now_ms, std::uint32_t tick_ms, std::uint32_t decay_ms) noexcept {
    bool empty_slabs = false;
    for (SlabBin& bin : bins_) empty_slabs |= bin.retire_empty(*this, now_ms, decay_ms);
    Segments segments;
    std::size_t count = 0;
    std::size_t lapsed = 0;
    {
        const std::lock_guard lock(mutex_);
        lapsed = credits_.call_in(kGranuleBytes, true);
    }
    release_idle(lapsed, ReleaseScope::kGranules, EvictionCause::kMaxBuffers);
    {
        const std::lock_guard lock(mutex_);
        count = select_decayed(now_ms, tick_ms, decay_ms, segments);
    }
    give_back(segments, count, EvictionCause::kDecay);
    const std::lock_guard lock(mutex_);
    return empty_slabs ||
           heap_.free_bytes(RunKind::kIdle) + heap_.free_bytes(RunKind::kPrefaulted) >= kGranuleBytes;
}

Eviction NodeArena::evicted(EvictionCause cause) const noexcept {
    const Evicted& evicted = evicted_[static_cast<std::size_t>(cause)];
    return {evicted.events.load(std::memory_order_relaxed), evicted.bytes.load(std::memory_order_relaxed)};
}

}  // namespace numapool::arena
