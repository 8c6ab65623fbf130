// Owns: every interleaving of threads that return the same large block at once.
// Must not know: arenas.
#include <array>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "arena/slice_entry.h"
#include "cache/large_slots.h"
#include "fakes/interleavings.h"

namespace numapool::cache {
namespace {

using arena::BlockState;
using arena::SliceEntry;
using fakes::Exploration;
using fakes::explore;
using fakes::PlayedSync;

constexpr unsigned kMostThreads = 3;
constexpr std::uintptr_t kBlock = std::uintptr_t{1} << 20;
constexpr SliceEntry kLive = SliceEntry::block(16, BlockState::kLive);
constexpr SliceEntry kCached = SliceEntry::block(16, BlockState::kCached);

/// Each thread tries the short way, into a slot of its own, then the long one, which makes free memory of the
/// block. The last `without_room` of them have no slot.
template <class Sync>
class Returns : public fakes::Meeting {
public:
    Returns(unsigned threads, unsigned without_room) {
        for (unsigned i = 0; i < threads - without_room; ++i) slots_[i].set_limit(1);
    }
    void run(unsigned thread) override {
        const SliceEntry seen(entry_.load(std::memory_order_relaxed));
        if (seen.is_live_block() && slots_[thread].put_live(kBlock, entry_, seen)) {
            kept_[thread] = true;
            return;
        }
        const SliceEntry now(entry_.load(std::memory_order_relaxed));
        if (!now.is_held_block() || !SliceEntry::claim(entry_, now)) return;
        freed_[thread] = true;
        entry_.store(SliceEntry().word(), std::memory_order_relaxed);
    }
    std::string wrong() override {
        int kept = 0;
        int freed = 0;
        for (unsigned i = 0; i < kMostThreads; ++i) {
            kept += static_cast<int>(kept_[i]);
            freed += static_cast<int>(freed_[i]);
            if (slots_[i].filled() != std::size_t{kept_[i]}) return "a slot holds what it should not";
        }
        if (kept + freed == 0) return "the block is lost";
        if (kept + freed > 1) return "the block came back twice";
        const SliceEntry expected = kept != 0 ? kCached : SliceEntry();
        return entry_.load(std::memory_order_relaxed) == expected.word() ? "" : "the entry is wrong";
    }

private:
    typename Sync::template Atomic<std::uint64_t> entry_{kLive.word()};
    std::array<BasicLargeSlots<Sync>, kMostThreads> slots_;
    std::array<bool, kMostThreads> kept_{};
    std::array<bool, kMostThreads> freed_{};
};

TEST(ClaimInterleavings, F18_OfAllWhoReturnALargeBlockAtOnceOneWins) {
    for (unsigned threads = 2; threads <= kMostThreads; ++threads) {
        for (unsigned without_room = 0; without_room <= threads; ++without_room) {
            const Exploration found = explore<Returns<PlayedSync>>(threads, threads, without_room);
            EXPECT_EQ(found.wrong, "") << found.way;
            std::cout << threads << " threads, " << without_room << " without room: " << found.figures()
                      << "\n";
        }
    }
}

/// Looks and writes, and lets others in between.
struct TwoSteps : PlayedSync {
    template <class T>
    struct Atomic : PlayedSync::Atomic<T> {
        using PlayedSync::Atomic<T>::Atomic;
        bool compare_exchange_strong(T& expected, T next, std::memory_order order) noexcept {
            if (this->load(order) != expected) return false;
            this->store(next, order);
            return true;
        }
    };
};

TEST(ClaimInterleavings, F18_AClaimInTwoStepsIsFound) {
    EXPECT_EQ((explore<Returns<TwoSteps>>(2, 2U, 0U).wrong), "the block came back twice");
}

}  // namespace
}  // namespace numapool::cache
