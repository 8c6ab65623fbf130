// Owns: every interleaving of threads that count blocks with one that reads the counts, and of threads that
// share an allowance.
// Must not know: slabs, pools.
#include <array>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "cache/drawn_blocks.h"
#include "cache/magazine.h"
#include "cache/ready_budget.h"
#include "fakes/interleavings.h"
#include "fakes/slow_runs.h"

namespace numapool::cache {
namespace {

using fakes::Exploration;
using fakes::explore;
using fakes::PlayedSync;

void expect_right(const Exploration& found, const std::string& what) {
    EXPECT_EQ(found.wrong, "") << what << "\n" << found.way;
    std::cout << what << ": " << found.figures() << "\n";
}

/// One thread's count of a class, and what it does, a letter a step, as ArenaCache and the ways of a return
/// do: return a block the short way; return one the long way, the oldest going to the depot; fill the
/// magazine from the depot; hand all of it on; and, wrongly, return one the long way without holding it.
template <class Sync>
class Counted {
public:
    static constexpr std::size_t kBlocks = 6;

    /// `drawn` blocks came from slabs, of which as many as are live were handed out.
    Counted(std::uint64_t drawn, std::uint64_t live) {
        magazine_.set_limit(Magazine::kCapacity);
        drawn_.draw(drawn);
        for (std::uint64_t i = live; i < drawn; ++i) static_cast<void>(magazine_.push(next()));
    }
    void step(char what) {
        if (what == 'r') static_cast<void>(magazine_.push(next()));
        if (what == 'l') drawn_.hold_return();
        if (what == 'l' || what == 'w') {
            if (magazine_.size() != 0) spill(1);
            static_cast<void>(magazine_.push(next()));
            figures_.add(1);
        }
        if (what == 'l') drawn_.conclude_return();
        if (what == 'f') {
            drawn_.draw(2);
            magazine_.resize(magazine_.size() + 2);
        }
        if (what == 'h') spill(magazine_.size());
    }
    std::int64_t live() const { return drawn_.live(magazine_); }

private:
    void spill(std::uint32_t count) {
        magazine_.resize(magazine_.size() - count);
        depot_.fetch_add(count, std::memory_order_acq_rel);  // under the depot's lock
        drawn_.put_back(count);
    }
    std::uintptr_t next() {
        blocks_[used_] = 0;
        return reinterpret_cast<std::uintptr_t>(&blocks_[used_++]);
    }

    BasicMagazine<Sync> magazine_;
    BasicDrawnBlocks<Sync> drawn_;
    base::BasicCounter<Sync> figures_;
    typename Sync::template Atomic<std::uint32_t> depot_{0};
    std::array<std::uint64_t, kBlocks> blocks_{};
    std::size_t used_ = 0;
};

/// Two threads return the last live blocks of a released pool, of which the first drew all; a third takes the
/// pool down when nothing is live.
class PoolEnd : public fakes::Meeting {
public:
    struct Steps {
        std::string drawer;
        std::string other;
        std::uint64_t live;
    };
    explicit PoolEnd(const Steps& steps) : steps_(steps), drawer_(steps.live + 1, steps.live), other_(0, 0) {}

    void run(unsigned thread) override {
        if (thread == 2) {
            if (drawer_.live() + other_.live() <= 0) fakes::take_down();
            return;
        }
        for (const char step : thread == 0 ? steps_.drawer : steps_.other)
            (thread == 0 ? drawer_ : other_).step(step);
    }
    std::string wrong() override {
        return drawer_.live() + other_.live() == 0 ? "" : "what came back counts as live";
    }

private:
    const Steps& steps_;
    Counted<PlayedSync> drawer_;
    Counted<PlayedSync> other_;
};

TEST(CountingInterleavings, F14_APoolIsNotTakenDownUnderAThreadThatReturnsItsLastBlock) {
    for (const PoolEnd::Steps& steps : {PoolEnd::Steps{"rr", "", 2},
                                        {"ll", "", 2},
                                        {"rl", "", 2},
                                        {"r", "r", 2},
                                        {"l", "r", 2},
                                        {"r", "l", 2},
                                        {"l", "l", 2},
                                        {"", "rr", 2},
                                        {"", "ll", 2},
                                        {"rl", "r", 3}}) {
        if (fakes::kSlowRuns && (steps.drawer == "ll" || steps.other == "ll" || steps.drawer == steps.other))
            continue;
        expect_right(explore<PoolEnd>(3, steps), "returns '" + steps.drawer + "' and '" + steps.other + "'");
    }
}

TEST(CountingInterleavings, F14_AReturnThatIsNotHeldWhileItGoesOnIsFound) {
    EXPECT_NE(explore<PoolEnd>(3, PoolEnd::Steps{"w", "", 1}).wrong, "");
    EXPECT_NE(explore<PoolEnd>(3, PoolEnd::Steps{"", "w", 1}).wrong, "");
}

/// One thread moves ready blocks about while two others are live; another counts.
class Count : public fakes::Meeting {
public:
    explicit Count(const std::string& steps) : steps_(steps), counted_(3, 2) {}

    void run(unsigned thread) override {
        if (thread == 0) {
            for (const char step : steps_) counted_.step(step);
        } else if (counted_.live() < 2) {
            fakes::fail("a live block is not counted");
        }
    }
    std::string wrong() override { return counted_.live() == 2 ? "" : "the count is not what is live"; }

private:
    const std::string& steps_;
    Counted<PlayedSync> counted_;
};

TEST(CountingInterleavings, WhatIsLiveIsNeverCountedTooLow) {
    for (const std::string steps : {"fhf", "hfh", "ffh", "fhfh"})
        expect_right(explore<Count>(2, steps), "moves " + steps);
}

/// Threads draw from an allowance and give back what they got.
class Sharing : public fakes::Meeting {
public:
    /// How much each thread draws twice at a time, and how often.
    Sharing(std::array<std::size_t, 3> each, int times) : each_(each), times_(times) {
        allowance_.reset(kUnits);
    }

    void run(unsigned thread) override {
        std::size_t& held = held_[thread];
        for (int i = 0; i < times_; ++i) {
            const std::size_t got = allowance_.draw(each_[thread], 2) * each_[thread];
            held += got;
            if (out_.fetch_add(got, std::memory_order_relaxed) + got > kUnits)
                fakes::fail("more was drawn than there is");
            if (i == 0 && got != 0) {
                held -= each_[thread];
                out_.fetch_sub(each_[thread], std::memory_order_relaxed);
                allowance_.give_back(each_[thread]);
            }
        }
    }
    std::string wrong() override {
        return allowance_.drawn() == held_[0] + held_[1] + held_[2] ? ""
                                                                    : "what is drawn is not what is held";
    }

private:
    static constexpr std::size_t kUnits = 7;

    const std::array<std::size_t, 3> each_;
    const int times_;
    BasicAllowance<PlayedSync> allowance_;
    PlayedSync::Atomic<std::size_t> out_{0};
    std::array<std::size_t, 3> held_{};
};

TEST(AllowanceInterleavings, NothingIsDrawnTwiceOrLost) {
    expect_right(explore<Sharing>(2, std::array<std::size_t, 3>{2, 3, 0}, 2), "two threads");
    expect_right(explore<Sharing>(3, std::array<std::size_t, 3>{2, 3, 1}, 1), "three threads");
}

}  // namespace
}  // namespace numapool::cache
