// Owns: checks of the played machine: it finds what is known to be broken, and finds nothing in what is
// right. Must not know: the pool's own code.
#include "fakes/interleavings.h"

#include <string>

#include <gtest/gtest.h>

namespace numapool::base {
namespace {

using fakes::Exploration;
using fakes::explore;
using fakes::Meeting;
using fakes::PlayedSync;

template <class T>
using Atomic = PlayedSync::Atomic<T>;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcquire = std::memory_order_acquire;

/// Each thread raises its flag and looks at the other's: one of them at least must see the other (Dekker).
enum class Order { kNone, kSeqCst, kBothBarriers, kAsymmetric, kAsymmetricUnfenced };
class Dekker : public Meeting {
public:
    explicit Dekker(Order order) : order_(order) {}

    void run(unsigned thread) override {
        flags_[thread].store(1, order_ == Order::kSeqCst ? std::memory_order_seq_cst : kRelaxed);
        const bool rare = thread == 1;
        if (order_ == Order::kBothBarriers || (order_ != Order::kNone && order_ != Order::kSeqCst && rare)) {
            PlayedSync::barrier();
        } else if (order_ == Order::kAsymmetric) {
            PlayedSync::signal_fence();
        }
        saw_[thread] = flags_[1 - thread].load(kAcquire) != 0;
    }
    std::string wrong() override { return saw_[0] || saw_[1] ? "" : "neither saw the other"; }

private:
    const Order order_;
    Atomic<int> flags_[2];
    bool saw_[2] = {};
};

TEST(Interleavings, ADekkerWithoutABarrierIsFoundBroken) {
    const Exploration found = explore<Dekker>(2, Order::kNone);
    EXPECT_EQ(found.wrong, "neither saw the other");
    EXPECT_NE(found.way, "");
}

TEST(Interleavings, ADekkerWithBarriersIsRight) {
    for (const Order order : {Order::kSeqCst, Order::kBothBarriers, Order::kAsymmetric}) {
        const Exploration found = explore<Dekker>(2, order);
        EXPECT_EQ(found.wrong, "") << found.way;
    }
}

// The other's barrier orders what the machine does, not what the compiler did.
TEST(Interleavings, AnAsymmetricDekkerThatTheCompilerMayReorderIsFoundBroken) {
    EXPECT_EQ(explore<Dekker>(2, Order::kAsymmetricUnfenced).wrong, "neither saw the other");
}

enum class Adding { kLoadAndStore, kCompareAndExchange, kFetchAdd };
class Sum : public Meeting {
public:
    Sum(Adding adding, int threads) : adding_(adding), threads_(threads) {}

    void run(unsigned) override {
        for (int i = 0; i < 2; ++i) {
            if (adding_ == Adding::kFetchAdd) {
                sum_.fetch_add(1, kRelaxed);
                continue;
            }
            int before = sum_.load(kRelaxed);
            if (adding_ == Adding::kLoadAndStore) {
                sum_.store(before + 1, kRelaxed);
            } else {
                while (!sum_.compare_exchange_weak(before, before + 1, kRelaxed)) {
                }
            }
        }
    }
    std::string wrong() override {
        return sum_.load() == 2 * threads_ ? "" : "the sum is " + std::to_string(sum_.load());
    }

private:
    const Adding adding_;
    const int threads_;
    Atomic<int> sum_{0};
};

TEST(Interleavings, AnUpdateThatIsLostIsFound) {
    EXPECT_NE(explore<Sum>(2, Adding::kLoadAndStore, 2).wrong, "");
    EXPECT_EQ(explore<Sum>(1, Adding::kLoadAndStore, 1).wrong, "");
}

TEST(Interleavings, UpdatesInOneStepLoseNothing) {
    for (const Adding adding : {Adding::kCompareAndExchange, Adding::kFetchAdd}) {
        for (const int threads : {2, 3}) {
            const Exploration found = explore<Sum>(static_cast<unsigned>(threads), adding, threads);
            EXPECT_EQ(found.wrong, "") << found.way;
        }
    }
    // Of three adders that add twice each, without a failure, 6! / (2! 2! 2!).
    EXPECT_EQ(explore<Sum>(3, Adding::kFetchAdd, 3).interleavings, 90);
}

/// One thread writes and tells, the other waits to be told and reads.
class Message : public Meeting {
public:
    explicit Message(std::memory_order order) : order_(order) {}

    void run(unsigned thread) override {
        if (thread == 0) {
            text_.store(7, kRelaxed);
            there_.store(true, order_);
        } else {
            while (!there_.load(kAcquire)) PlayedSync::yield();
            if (text_.load(kRelaxed) != 7) fakes::fail("told of a message that is not there");
        }
    }
    std::string wrong() override { return ""; }
    bool may_wait(unsigned thread) const override { return thread == 1; }

private:
    const std::memory_order order_;
    Atomic<bool> there_{false};
    Atomic<int> text_{0};
};

TEST(Interleavings, AStoreThatDoesNotReleaseIsFound) {
    EXPECT_EQ(explore<Message>(2, kRelease).wrong, "");
    EXPECT_EQ(explore<Message>(2, kRelaxed).wrong, "told of a message that is not there");
}

/// Two that each wait for the other's word before they give their own.
class Standstill : public Meeting {
public:
    explicit Standstill(bool patient) : patient_(patient) {}

    void run(unsigned thread) override {
        while (words_[1 - thread].load(kAcquire) == 0) PlayedSync::yield();
        words_[thread].store(1, kRelease);
    }
    std::string wrong() override { return ""; }
    bool may_wait(unsigned) const override { return patient_; }

private:
    const bool patient_;
    Atomic<int> words_[2];
};

TEST(Interleavings, WaitingIsFoundWhereItHasNoEndOrMustNotBe) {
    EXPECT_EQ(explore<Standstill>(2, true).wrong, "who waits, waits for ever");
    EXPECT_EQ(explore<Standstill>(2, false).wrong, "thread 0 has to wait");
}

/// One thread counts itself out, the other takes down what they share.
class Farewell : public Meeting {
public:
    explicit Farewell(bool last) : last_(last) {}

    void run(unsigned thread) override {
        if (thread == 1) {
            if (left_.load(kAcquire)) fakes::take_down();
            return;
        }
        if (last_) figure_.store(1, kRelaxed);
        left_.store(true, kRelease);
        if (!last_) figure_.store(1, kRelaxed);
    }
    std::string wrong() override { return ""; }

private:
    const bool last_;
    Atomic<int> figure_{0};
    Atomic<bool> left_{false};
};

TEST(Interleavings, AStoreToWhatWasTakenDownIsFound) {
    EXPECT_EQ(explore<Farewell>(2, true).wrong, "");
    EXPECT_EQ(explore<Farewell>(2, false).wrong, "a store of thread 0 is on its way to what was taken down");
}

}  // namespace
}  // namespace numapool::base
