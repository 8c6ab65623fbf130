// Owns: a machine that is played, on which a few threads meet in every way that they can.
// Must not know: what they do there.
//
// Code written over a policy (base/sync.h) gets PlayedSync instead of the real words. Each thread then is a
// function from what it was told so far, by loads and updates, to what it does next: explore() learns that by
// running the thread alone from its start, once for each new answer, and puts the threads' steps together in
// every order on a model of memory. A state that came up before is not gone into again; two states are the
// same if memory, the stores on their way, and all that each thread was told are.
//
// The model is stronger than C++'s in one point: loads happen in their order. Stores wait on their way to
// memory, seen by their own thread only, for as long as they like. A release store arrives after all earlier
// ones of its thread, a relaxed one may overtake any but those to its word. An update (a locked instruction)
// is done in memory at once, and one that releases sends all earlier stores first; so does a seq_cst store.
// The barrier that a thread imposes on all makes every store arrive that stands before a signal fence: of
// others, the compiler may not have made an instruction yet. It passes each thread at a time of its own.
// A weak compare-and-exchange never fails without a reason, and who yields goes on once a store of another
// thread has arrived, so that waiting comes to an end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

namespace numapool::fakes {

/// What a few threads do with what they share. It is made many times over, always in the same place. Members
/// that are no PlayedSync::Atomic must be one thread's alone, and what a thread has on its stack must need no
/// destructor: a thread that has been told enough is left where it is.
class Meeting {
public:
    virtual ~Meeting() = default;
    virtual void run(unsigned thread) = 0;
    /// When all threads have ended: what is wrong, "" if nothing.
    virtual std::string wrong() = 0;
    /// Whether a thread may have to wait for another.
    virtual bool may_wait(unsigned) const { return false; }
};

struct Exploration {
    std::string wrong;         ///< what is, in the first interleaving found where something is; else ""
    std::string way;           ///< the steps that led there, a line each
    double interleavings = 0;  ///< that there are, if nothing is wrong
    std::size_t states = 0;    ///< that differ, of those looked at
    std::size_t runs = 0;      ///< of one thread, to learn what it does

    std::string figures() const;
};

/// Explores all interleavings of `threads` threads; `make` makes the meeting anew.
Exploration explore(unsigned threads, const std::function<Meeting&()>& make);
template <class M, class... Args>
Exploration explore(unsigned threads, const Args&... args) {
    std::optional<M> meeting;
    return explore(threads, [&]() -> Meeting& { return meeting.emplace(args...); });
}

/// In a thread of a meeting: its number.
unsigned current_thread() noexcept;
/// In a thread: it has seen something that must not be. Does not return.
[[noreturn]] void fail(const char* what);
/// In a thread: it takes down all that is shared. Another one that touches any of it from now on does wrong,
/// also by a store on its way.
void take_down();

/// Stands in the place of base::RealSync and os::BarrierSync.
class PlayedSync {
public:
    template <class T>
    class Atomic {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));

    public:
        Atomic() noexcept : Atomic(T{}) {}
        Atomic(T value) noexcept : word_(enroll(bits(value))) {}  // as std::atomic's
        Atomic(const Atomic&) = delete;
        Atomic& operator=(const Atomic&) = delete;

        T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
            return value(load_word(word_));
        }
        void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            if (order == std::memory_order_seq_cst) {
                exchange(value, order);
            } else {
                store_word(word_, bits(value), order == std::memory_order_release);
            }
        }
        T exchange(T next, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return update(order, [&](T) { return next; });
        }
        T fetch_add(T amount, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return update(order, [&](T before) { return static_cast<T>(before + amount); });
        }
        T fetch_sub(T amount, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return update(order, [&](T before) { return static_cast<T>(before - amount); });
        }
        bool compare_exchange_weak(T& expected, T next,
                                   std::memory_order order = std::memory_order_seq_cst) noexcept {
            return compare_exchange_strong(expected, next, order);
        }
        bool compare_exchange_strong(T& expected, T next,
                                     std::memory_order order = std::memory_order_seq_cst) noexcept {
            const T before = value(begin_update(word_, releases(order)));
            if (bits(before) == bits(expected)) {
                end_update(word_, bits(next));
                return true;
            }
            expected = before;
            return false;
        }

    private:
        static bool releases(std::memory_order order) noexcept {
            return order == std::memory_order_release || order == std::memory_order_acq_rel ||
                   order == std::memory_order_seq_cst;
        }
        static std::uint64_t bits(T value) noexcept {
            std::uint64_t result = 0;
            std::memcpy(&result, &value, sizeof value);
            return result;
        }
        static T value(std::uint64_t bits) noexcept {
            T result;
            std::memcpy(&result, &bits, sizeof result);
            return result;
        }
        template <class Change>
        T update(std::memory_order order, Change change) noexcept {
            const T before = value(begin_update(word_, releases(order)));
            end_update(word_, bits(change(before)));
            return before;
        }

        const std::uint32_t word_;
    };

    static void add(Atomic<std::uint64_t>& word, std::uint64_t amount) noexcept {
        word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    static void add_release(Atomic<std::uint64_t>& word, std::uint64_t amount) noexcept {
        word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_release);
    }
    static void signal_fence() noexcept;
    static void yield() noexcept;
    static bool barrier() noexcept;

private:
    static std::uint32_t enroll(std::uint64_t value) noexcept;
    static std::uint64_t load_word(std::uint32_t word) noexcept;
    static void store_word(std::uint32_t word, std::uint64_t value, bool release) noexcept;
    static std::uint64_t begin_update(std::uint32_t word, bool release) noexcept;
    static void end_update(std::uint32_t word, std::uint64_t value) noexcept;
};

}  // namespace numapool::fakes
