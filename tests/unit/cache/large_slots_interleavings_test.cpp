// Owns: every interleaving of an owner and a thief at a thread's large slots.
// Must not know: arenas.
#include <array>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "arena/slice_entry.h"
#include "cache/large_slots.h"
#include "fakes/interleavings.h"
#include "fakes/slow_runs.h"

namespace numapool::cache {
namespace {

using arena::BlockState;
using arena::SliceEntry;
using fakes::Exploration;
using fakes::explore;
using fakes::PlayedSync;

constexpr unsigned kOwner = 0;
constexpr unsigned kThief = 1;
constexpr std::size_t kBytes = std::size_t{1} << 20;
constexpr std::size_t kSlices = kBytes / base::kSliceBytes;
constexpr std::size_t kBlocks = 2;

/// What each does, a letter a step. The owner: put, take, evict, all out, robbed. The thief: steal, look.
struct Steps {
    std::string owner;
    std::string thief;
};

/// Of two blocks one lies in the slots at first, the other with the owner.
template <class Sync>
class Robbery : public fakes::Meeting {
    using Slots = BasicLargeSlots<Sync>;

public:
    Robbery(const Steps& steps, std::uint32_t limit) : steps_(steps) {
        slots_.set_limit(limit);
        for (std::size_t block = 0; block < kBlocks; ++block) held_[block] = true;
        put();
    }
    void run(unsigned thread) override {
        for (const char step : thread == kOwner ? steps_.owner : steps_.thief) {
            if (thread == kOwner) {
                own(step);
            } else if (step == 's') {
                slots_.steal([&](std::uintptr_t block, const auto&) { steal(number_of(block)); });
            } else if (slots_.filled() > kBlocks) {
                fakes::fail("more blocks are seen than there are");
            }
        }
    }
    bool may_wait(unsigned thread) const override { return thread == kThief; }
    std::string wrong() override {
        std::array<int, kBlocks> kept{};
        std::string result;
        slots_.empty([&](std::uintptr_t block, const auto&) { ++kept[number_of(block)]; });
        for (std::size_t block = 0; block < kBlocks; ++block) {
            const int places = kept[block] + static_cast<int>(held_[block]) + stolen_[block];
            if (places == 0) result += "a block is lost; ";
            if (places > 1) result += "a block is in two places; ";
            const SliceEntry entry(entries_[block].load(std::memory_order_relaxed));
            const SliceEntry expected = kept[block] != 0 ? SliceEntry::block(kSlices, BlockState::kCached)
                                        : held_[block]   ? live()
                                                         : given_back();
            if (entry.word() != expected.word()) result += "an entry is not what its last holder wrote; ";
        }
        return result;
    }

private:
    static std::uintptr_t address_of(std::size_t block) { return (block + 1) << 20; }
    static std::size_t number_of(std::uintptr_t address) { return (address >> 20) - 1; }
    static SliceEntry live() { return SliceEntry::block(kSlices, BlockState::kLive); }
    static SliceEntry given_back() { return SliceEntry::free_run(kSlices, arena::RunKind::kIdle); }

    void own(char step) {
        if (step == 'p') put();
        if (step == 't') {
            if (const std::uintptr_t block = slots_.take(kBytes, 64).block; block != 0) hold(block);
        }
        if (step == 'e') {
            typename Slots::KeptBlock evicted;
            if (const std::uintptr_t block = slots_.evict(evicted); block != 0) hold(block);
        }
        if (step == 'a') slots_.empty([&](std::uintptr_t block, const auto&) { hold(block); });
        if (step == 'r') static_cast<void>(slots_.robbed());
    }
    void put() {
        for (std::size_t block = 0; block < kBlocks; ++block) {
            if (!held_[block]) continue;
            contents_[block].store(1, std::memory_order_relaxed);  // its last holder's
            held_[block] = !slots_.put_live(address_of(block), entries_[block], live());
            return;
        }
    }
    void hold(std::uintptr_t address) {
        const std::size_t block = number_of(address);
        if (held_[block]) fakes::fail("the owner was given what it has");
        held_[block] = true;
        entries_[block].store(live().word(), std::memory_order_relaxed);
    }
    void steal(std::size_t block) {
        ++stolen_[block];
        if (contents_[block].load(std::memory_order_relaxed) != 1)
            fakes::fail("a store to a stolen block is still on its way");
        entries_[block].store(given_back().word(), std::memory_order_relaxed);
    }

    const Steps& steps_;
    Slots slots_;
    std::array<typename Sync::template Atomic<std::uint64_t>, kBlocks> entries_{
        SliceEntry::block(kSlices, BlockState::kLive).word(),
        SliceEntry::block(kSlices, BlockState::kLive).word()};
    std::array<typename Sync::template Atomic<int>, kBlocks> contents_;
    std::array<bool, kBlocks> held_{};   ///< the owner's
    std::array<int, kBlocks> stolen_{};  ///< the thief's
};

/// All that an owner can do in so many steps.
std::vector<std::string> owners_of(std::size_t steps) {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; i < steps; ++i) {
        std::vector<std::string> longer;
        for (const std::string& one : all) {
            for (const char step : std::string("ptear")) longer.push_back(one + step);
        }
        all = std::move(longer);
    }
    return all;
}

/// What is wrong with the slots of one of the owners when a thief meets him.
template <class Sync>
Exploration rob(const std::vector<std::string>& owners, const std::string& thief, std::uint32_t slots) {
    Exploration all;
    for (const std::string& owner : owners) {
        const Exploration found = explore<Robbery<Sync>>(2, Steps{owner, thief}, slots);
        if (!found.wrong.empty()) {
            all.wrong = found.wrong;
            all.way = "owner " + owner + ", thief " + thief + ":\n" + found.way;
            return all;
        }
        all.states += found.states;
        all.interleavings += found.interleavings;
        all.runs += found.runs;
    }
    std::cout << owners.size() << " owners with " << slots << " slots, thief " << thief << ": "
              << all.figures() << "\n";
    return all;
}

TEST(LargeSlotsInterleavings, F28_OfThreeStepsNoneBringsABlockToTwoPlaces) {
    if (fakes::kSlowRuns) GTEST_SKIP() << "three steps of each take minutes under a sanitizer; two are tried";
    const Exploration found = rob<PlayedSync>(owners_of(3), "sfs", 1);
    EXPECT_EQ(found.wrong, "") << found.way;
}

TEST(LargeSlotsInterleavings, F28_NorWithMoreSlotsThanOne) {
    for (const auto& [owners, thief] :
         {std::pair(owners_of(2), "ss"), {owners_of(2), "sfs"}, {{"ptp", "tpe", "pet", "pea"}, "sfs"}}) {
        const Exploration found = rob<PlayedSync>(owners, thief, 2);
        EXPECT_EQ(found.wrong, "") << found.way;
        if (fakes::kSlowRuns) break;
    }
}

/// The system refuses the barrier.
struct RefusedBarrier : PlayedSync {
    static bool barrier() noexcept { return false; }
};

TEST(LargeSlotsInterleavings, F28_NothingIsStolenWithoutTheBarrier) {
    const Exploration found = rob<RefusedBarrier>(owners_of(2), "ss", 2);
    EXPECT_EQ(found.wrong, "") << found.way;
}

// What follows is broken on purpose: the search must find it.

/// The barrier says that it worked and did nothing.
struct EmptyBarrier : PlayedSync {
    static bool barrier() noexcept { return true; }
};
/// The compiler may move the owner's look at the thief's flag before his own flag.
struct NoSignalFence : PlayedSync {
    static void signal_fence() noexcept {}
};
/// No store of one of the two releases.
template <unsigned careless>
struct NoRelease : PlayedSync {
    template <class T>
    struct Atomic : PlayedSync::Atomic<T> {
        using PlayedSync::Atomic<T>::Atomic;
        void store(T value, std::memory_order order) noexcept {
            PlayedSync::Atomic<T>::store(
                value, fakes::current_thread() == careless ? std::memory_order_relaxed : order);
        }
    };
};
/// One of the two sees no flag of the other.
template <unsigned blind>
struct Blind : PlayedSync {
    template <class T>
    struct Atomic : PlayedSync::Atomic<T> {
        using PlayedSync::Atomic<T>::Atomic;
        T load(std::memory_order order) const noexcept {
            const T seen = PlayedSync::Atomic<T>::load(order);
            return std::is_same_v<T, bool> && fakes::current_thread() == blind ? T{} : seen;
        }
    };
};
/// The owner looks at the thief's flag first and raises his own then.
struct LookFirst : PlayedSync {
    template <class T>
    class Atomic : public PlayedSync::Atomic<T> {
    public:
        using PlayedSync::Atomic<T>::Atomic;
        T load(std::memory_order order) const noexcept {
            const T seen = PlayedSync::Atomic<T>::load(order);
            if (std::is_same_v<T, bool> && fakes::current_thread() == kOwner && raised_ != nullptr)
                std::exchange(raised_, nullptr)->PlayedSync::Atomic<T>::store(T{true}, order);
            return seen;
        }
        void store(T value, std::memory_order order) noexcept {
            if (std::is_same_v<T, bool> && value == T{true} && fakes::current_thread() == kOwner) {
                raised_ = this;
            } else {
                PlayedSync::Atomic<T>::store(value, order);
            }
        }

    private:
        static inline Atomic* raised_ = nullptr;
    };
};

template <class Sync>
class BrokenLargeSlots : public testing::Test {};
using Breakages = testing::Types<EmptyBarrier, NoSignalFence, NoRelease<kOwner>, NoRelease<kThief>,
                                 Blind<kOwner>, Blind<kThief>, LookFirst>;
TYPED_TEST_SUITE(BrokenLargeSlots, Breakages);

TYPED_TEST(BrokenLargeSlots, F28_AreFound) {
    const Exploration found = rob<TypeParam>(owners_of(2), "s", 1);
    EXPECT_NE(found.wrong, "");
    EXPECT_NE(found.wrong, "who waits, waits for ever") << found.way;
}

}  // namespace
}  // namespace numapool::cache
