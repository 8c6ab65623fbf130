// Owns: a thread's ready large blocks, which any other thread may steal.
// Must not know: arenas, beyond how an entry says that a block is live or kept.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/slice_entry.h"
#include "base/size_classes.h"
#include "os/process_barrier.h"

namespace numapool::cache {

/// A few slots for large blocks. They are the owner's alone but while a thief is at them; the owner then
/// finds them empty and full, and so does a signal handler that interrupts the owner there. Owner and thief
/// each raise a flag and look at the other's; a barrier that the thief imposes on all threads spares the
/// owner one of its own (Dice, Huang, Yang: Asymmetric Dekker Synchronization, 2001), so that no
/// order needs a locked instruction. Where there is no such barrier the limit must stay 0.
template <class Sync>
class BasicLargeSlots {
    template <class T>
    using Atomic = typename Sync::template Atomic<T>;

public:
    /// What a slot knows of its block.
    struct KeptBlock {
        std::size_t bytes = 0;                   ///< whole slices
        Atomic<std::uint64_t>* entry = nullptr;  ///< the word of its SliceEntry
    };
    /// A block, 0 for none, and the bytes that it was cut for.
    struct Taken {
        std::uintptr_t block = 0;
        std::size_t bytes = 0;
    };

    static constexpr std::uint32_t kSlots = 4;

    /// Owner only. A block cut for `bytes`, at a multiple of `alignment`, which it marks as live. Looser
    /// matches would scatter what is live over memory that could otherwise merge.
    Taken take(std::size_t bytes, std::size_t alignment) noexcept {
        if (!enter()) return {};
        Taken taken;
        for (Slot& slot : slots_) {
            const KeptBlock& kept = slot.kept;
            if (kept.bytes - bytes >= base::kSliceBytes) continue;
            const std::uintptr_t block = slot.get();
            // Every large block starts at a slice.
            if (block == 0 || (alignment > base::kSliceBytes && (block & (alignment - 1)) != 0)) continue;
            taken = {block, kept.bytes};
            // Relaxed, as all entries: see AddressRange. Nobody else writes that of a cached block.
            kept.entry->store(arena::SliceEntry::block_of(taken.bytes, arena::BlockState::kLive).word(),
                              std::memory_order_relaxed);
            slot.set(0);
            break;
        }
        leave();
        return taken;
    }
    /// Owner only. Keeps the block, which is marked as cached, if one of the slots that may be used is empty.
    bool put(std::uintptr_t block, const KeptBlock& kept) noexcept {
        return put_if(block, kept, [] { return true; });
    }
    /// Owner only. The same with a live block, of which `entry` said `live`. False, and nothing is done, also
    /// if another thread returned it meanwhile.
    bool put_live(std::uintptr_t block, Atomic<std::uint64_t>& entry, arena::SliceEntry live) noexcept {
        const KeptBlock kept{live.slices() * base::kSliceBytes, &entry};
        return put_if(block, kept, [&] { return arena::SliceEntry::claim(entry, live); });
    }
    /// Owner only. Empties the slot whose turn it is.
    std::uintptr_t evict(KeptBlock& kept) noexcept {
        if (!enter()) return 0;
        std::uintptr_t block = 0;
        if (limit() != 0) {
            Slot& slot = slots_[turn_++ % limit()];
            block = slot.get();
            kept = slot.kept;
            slot.set(0);
        }
        leave();
        return block;
    }
    /// Owner only. Empties all, with visit(block, kept) for each.
    template <class Visit>
    void empty(Visit visit) noexcept {
        if (!enter()) return;
        empty_slots(visit);
        leave();
    }
    /// Any thread, one at a time. Takes all blocks from the owner, with visit(block, kept) for each; none if
    /// there is no barrier, or the owner does not come out.
    template <class Visit>
    void steal(Visit visit) noexcept {
        if (filled() == 0) return;
        thief_.store(true, std::memory_order_relaxed);
        if (Sync::barrier()) {
            // Acquire pairs with the release in leave. An owner that a signal interrupted there may want a
            // lock that the thief holds.
            int patience = kPatience;
            while (busy_.load(std::memory_order_acquire) && --patience != 0) Sync::yield();
            if (patience != 0) {
                empty_slots(visit);
                robbed_.store(true, std::memory_order_relaxed);  // a hint
            }
        }
        thief_.store(false, std::memory_order_release);  // with the acquire in enter
    }
    /// Owner only: whether blocks were stolen since this was asked last.
    bool robbed() noexcept {
        return robbed_.load(std::memory_order_relaxed) && robbed_.exchange(false, std::memory_order_relaxed);
    }
    /// When the owner is gone, wherever it was: in a forked child, or ended by a signal handler.
    void forget_owner() noexcept { busy_.store(false, std::memory_order_relaxed); }

    /// Any thread; a hint while the owner goes on.
    std::size_t filled() const noexcept {
        std::size_t count = 0;
        for (const Slot& slot : slots_) count += slot.get() != 0;
        return count;
    }

    /// Owner only: how many slots the pool's bounds let it use now.
    std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(end_ - slots_.data()); }
    void set_limit(std::uint32_t limit) noexcept { end_ = slots_.data() + limit; }

private:
    struct Slot {
        Atomic<std::uintptr_t> block{0};  ///< relaxed: changed by whoever has the slots to himself
        KeptBlock kept;                   ///< owner only

        std::uintptr_t get() const noexcept { return block.load(std::memory_order_relaxed); }
        void set(std::uintptr_t value) noexcept { block.store(value, std::memory_order_relaxed); }
    };

    static constexpr int kPatience = 10'000;

    bool enter() noexcept {
        // Then this is a handler of a signal that met its thread in here.
        if (busy_.load(std::memory_order_relaxed)) return false;
        busy_.store(true, std::memory_order_relaxed);
        // The thief's barrier orders the two in hardware. Acquire pairs with the release in steal.
        Sync::signal_fence();
        if (!thief_.load(std::memory_order_acquire)) return true;
        leave();
        return false;
    }
    void leave() noexcept { busy_.store(false, std::memory_order_release); }

    template <class Condition>
    bool put_if(std::uintptr_t block, const KeptBlock& kept, Condition condition) noexcept {
        if (!enter()) return false;
        for (Slot* at = slots_.data(); at != end_; ++at) {
            if (at->get() != 0) continue;
            if (!condition()) break;
            at->kept = kept;
            at->set(block);
            leave();
            return true;
        }
        leave();
        return false;
    }

    template <class Visit>
    void empty_slots(Visit visit) noexcept {
        for (Slot& slot : slots_) {
            const std::uintptr_t block = slot.get();
            if (block == 0) continue;
            slot.set(0);
            visit(block, slot.kept);
        }
    }

    Atomic<bool> busy_{false};
    Atomic<bool> thief_{false};
    Atomic<bool> robbed_{false};
    std::array<Slot, kSlots> slots_{};
    Slot* end_ = slots_.data();  ///< of the slots that may be used now
    std::uint32_t turn_ = 0;
};

using LargeSlots = BasicLargeSlots<os::BarrierSync>;
using KeptBlock = LargeSlots::KeptBlock;

}  // namespace numapool::cache
