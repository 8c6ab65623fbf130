// Owns: every place at which a signal handler can meet its own thread at its large slots, and use them too.
// Must not know: arenas, other threads.
#include <array>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "arena/slice_entry.h"
#include "base/sync.h"
#include "cache/large_slots.h"

namespace numapool::cache {
namespace {

using arena::BlockState;
using arena::SliceEntry;

constexpr std::size_t kBytes = std::size_t{1} << 20;
constexpr std::size_t kBlocks = 3;
constexpr SliceEntry kLive = SliceEntry::block(kBytes / base::kSliceBytes, BlockState::kLive);
constexpr SliceEntry kCached = SliceEntry::block(kBytes / base::kSliceBytes, BlockState::kCached);

/// One thread's words; before one of its steps a handler runs.
class InterruptedSync {
public:
    template <class T>
    class Atomic {
    public:
        Atomic() noexcept = default;
        Atomic(T value) noexcept : value_(value) {}  // as std::atomic's
        T load(std::memory_order) const noexcept {
            step();
            return value_;
        }
        void store(T value, std::memory_order) noexcept {
            step();
            value_ = value;
        }
        T exchange(T next, std::memory_order) noexcept {
            step();
            return std::exchange(value_, next);
        }
        bool compare_exchange_strong(T& expected, T next, std::memory_order) noexcept {
            step();
            if (value_ == expected) {
                value_ = next;
                return true;
            }
            expected = value_;
            return false;
        }

    private:
        T value_{};
    };
    static void add(Atomic<std::uint64_t>& word, std::uint64_t amount) noexcept {
        const std::uint64_t before = word.load(std::memory_order_relaxed);
        word.store(before + amount, std::memory_order_relaxed);
    }
    static void signal_fence() noexcept {}
    static void yield() noexcept {}
    static bool barrier() noexcept { return true; }

    /// Does `work`, with `handler` before its step of that number, the first being 1; how many steps it made.
    static int interrupt(int number, std::function<void()> handler, const std::function<void()>& work) {
        made_ = 0;
        number_ = number;
        handler_ = std::move(handler);
        work();
        number_ = 0;
        return made_;
    }

private:
    static void step() {
        if (number_ != 0 && ++made_ == number_) std::exchange(handler_, nullptr)();
    }
    static inline int made_ = 0;
    static inline int number_ = 0;
    static inline std::function<void()> handler_;
};

/// Of three blocks the slots have one at first, the thread one and the handler one.
class Interruption {
    using Slots = BasicLargeSlots<InterruptedSync>;
    enum class Holder { kThread, kHandler, kSlots };

public:
    explicit Interruption(std::uint32_t limit) {
        slots_.set_limit(limit);
        for (auto& entry : entries_) entry.store(kLive.word(), std::memory_order_relaxed);
        put(Holder::kThread);
        holders_ = {Holder::kSlots, Holder::kThread, Holder::kHandler};
    }
    /// A letter a step: put, take, evict, all out. Returns the steps of the thread.
    int run(const std::string& thread, const std::string& handler, int number) {
        return InterruptedSync::interrupt(
            number, [&] { all(handler, Holder::kHandler); }, [&] { all(thread, Holder::kThread); });
    }
    std::string wrong() {
        std::array<int, kBlocks> kept{};
        slots_.empty([&](std::uintptr_t block, const auto&) { ++kept[number_of(block)]; });
        for (std::size_t block = 0; block < kBlocks; ++block) {
            if (twice_) return "a block was given to a second holder";
            if (kept[block] != (holders_[block] == Holder::kSlots))
                return "a block is lost, or in two places";
            const SliceEntry expected = kept[block] != 0 ? kCached : kLive;
            if (entries_[block].load(std::memory_order_relaxed) != expected.word())
                return "an entry is not what its last holder wrote";
        }
        return "";
    }

private:
    static std::uintptr_t address_of(std::size_t block) { return (block + 1) << 20; }
    static std::size_t number_of(std::uintptr_t address) { return (address >> 20) - 1; }

    void all(const std::string& steps, Holder who) {
        for (const char step : steps) {
            typename Slots::KeptBlock kept;
            if (step == 'p') put(who);
            if (step == 't') hold(slots_.take(kBytes, 64).block, who);
            if (step == 'e') hold(slots_.evict(kept), who);
            if (step == 'a') slots_.empty([&](std::uintptr_t block, const auto&) { hold(block, who); });
        }
    }
    void put(Holder who) {
        for (std::size_t block = 0; block < kBlocks; ++block) {
            if (holders_[block] != who) continue;
            holders_[block] = Holder::kSlots;  // who holds it gives it up before
            if (!slots_.put_live(address_of(block), entries_[block], kLive)) holders_[block] = who;
            return;
        }
    }
    void hold(std::uintptr_t address, Holder who) {
        if (address == 0) return;
        const std::size_t block = number_of(address);
        twice_ = twice_ || holders_[block] != Holder::kSlots;
        holders_[block] = who;
        entries_[block].store(kLive.word(), std::memory_order_relaxed);
    }

    Slots slots_;
    std::array<InterruptedSync::Atomic<std::uint64_t>, kBlocks> entries_;
    std::array<Holder, kBlocks> holders_{};
    bool twice_ = false;
};

TEST(LargeSlotsHandlers, F31_AHandlerThatMeetsItsThreadThereGetsNoneOfItsBlocks) {
    int tried = 0;
    for (const std::uint32_t limit : {1U, 2U}) {
        for (const std::string thread : {"p", "t", "e", "a", "pt", "tp", "ep"}) {
            for (const std::string handler : {"p", "t", "e", "a", "pt", "tp", "pp", "ep", "ap"}) {
                for (int number = 1;; ++number, ++tried) {
                    Interruption interruption(limit);
                    if (interruption.run(thread, handler, number) < number) break;
                    ASSERT_EQ(interruption.wrong(), "")
                        << limit << " slots, thread " << thread << ", handler " << handler
                        << " before its step " << number;
                }
            }
        }
    }
    EXPECT_GT(tried, 500);
}

}  // namespace
}  // namespace numapool::cache
