// Owns: the words that lock-free code is written in, as the machine has them.
// Must not know: who uses them.
//
// A class whose threads meet without a lock is a template over such words, `class BasicX<Sync>`, and the pool
// uses `using X = BasicX<RealSync>`. A test that gives it other words decides itself what each thread sees
// and when, and so can try every interleaving (tests/fakes/interleavings.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace numapool::base {

struct RealSync {
    template <class T>
    using Atomic = std::atomic<T>;

    /// Adds to a word that only the calling thread writes: a load and a store, no locked instruction. Other
    /// threads see it late, never torn. Relaxed.
    static void add(Atomic<std::uint64_t>& word, std::uint64_t amount) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
        // The same in one instruction, of which compilers make three.
        __asm__("addq %1, %0" : "+m"(word) : "er"(amount) : "cc");
#else
        word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
#endif
    }
    /// The same as a release.
    static void add_release(Atomic<std::uint64_t>& word, std::uint64_t amount) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
        // Every store releases here; the compiler must keep the order too.
        __asm__("addq %1, %0" : "+m"(word) : "er"(amount) : "cc", "memory");
#else
        word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_release);
#endif
    }
    /// Keeps the compiler from moving anything across; the machine may still.
    static void signal_fence() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
    /// What a thread calls that can go on only when another has.
    static void yield() noexcept { std::this_thread::yield(); }
};

}  // namespace numapool::base
