// Owns: what threads do with each other's blocks: producers and consumers, servers whose threads end and
// leave their blocks to the next, blocks exchanged through shared places. Must not know: whose blocks they
// are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "workloads/draws.h"
#include "workloads/lanes.h"
#include "workloads/message.h"
#include "workloads/patterns.h"
#include "workloads/settings.h"

namespace numapool::bench {

/// Half of the threads take blocks and post them, the other half frees them.
struct Exchange {
    const char* name;
    std::size_t least_bytes, most_bytes;
    int chain;          ///< messages that are posted together
    long most_waiting;  ///< in a box, before its producers wait
    bool box_each;      ///< each consumer has its own box; otherwise all share one
    bool touched;       ///< one byte a page is written
};

/// passing/xmalloc: many small blocks through one box (the pattern of xmalloc-test in mimalloc-bench).
/// passing/msgpass: messages to each consumer in turn (that of snmalloc's msgpass).
/// passing/loader: arrays of some MiB, every page written, as a data loader hands them to a training loop.
inline constexpr Exchange kExchanges[] = {
    {"xmalloc", 16, 4096, 128, 4096, false, false},
    {"msgpass", 64, 1024, 8, 512, true, false},
    {"loader", 1 << 20, 8 << 20, 1, 8, false, true},
};

template <class Allocator>
void run_exchange(benchmark::State& state, Allocator& allocator, const Exchange& exchange, int pairs,
                  std::chrono::milliseconds time) {
    std::vector<Mailbox> boxes(exchange.box_each ? static_cast<std::size_t>(pairs) : 1);
    std::atomic<int> producing{0};
    const auto produce = [&](int lane, const Stop& stop) {
        Draws sizes =
            Draws::sizes(static_cast<std::uint64_t>(lane) + 1, exchange.least_bytes, exchange.most_bytes);
        auto turn = static_cast<std::size_t>(lane);
        while (!raised(stop)) {
            Mailbox& box = boxes[turn++ % boxes.size()];
            if (box.waiting() > exchange.most_waiting) {
                std::this_thread::yield();
                continue;
            }
            Message* first = nullptr;
            Message* last = nullptr;
            for (int i = 0; i < exchange.chain; ++i) {
                const std::size_t bytes = sizes.next();
                Message* message = new_message(allocator, bytes);
                if (exchange.touched) {
                    touch_pages(message + 1, bytes - sizeof(Message));
                }
                message->next = first;
                first = message;
                if (last == nullptr) last = message;
            }
            box.post(first, last, exchange.chain);
        }
        producing.fetch_sub(1, std::memory_order_release);  // with the consumers' acquire: all is posted
    };
    const auto consume = [&](int lane) {
        Mailbox& box = boxes[static_cast<std::size_t>(lane) % boxes.size()];
        std::uint64_t freed = 0;
        for (;;) {
            const bool last_look =
                producing.load(std::memory_order_acquire) == 0;  // with produce()'s release
            const std::uint64_t count = free_messages(allocator, box.take_all());
            box.freed(count);
            freed += count;
            if (count == 0) {
                if (last_look) return freed;
                std::this_thread::yield();
            }
        }
    };
    const auto work = [&](int lane, const Stop& stop) -> std::uint64_t {
        if (lane >= pairs) return consume(lane - pairs);
        produce(lane, stop);
        return 0;
    };
    run_lanes(state, 2 * pairs, time, work,
              {.prepare = [&] { producing.store(pairs, std::memory_order_relaxed); }});
}

/// larson: a server's thread replaces blocks in random places, ends after a while, and the next thread goes
/// on with its places (the pattern of larson in mimalloc-bench).
template <class Allocator>
void run_server(benchmark::State& state, Allocator& allocator, int lanes, std::chrono::milliseconds time) {
    constexpr std::size_t kPlaces = 1000;
    constexpr int kReplacedInALife = 20'000;
    run_lanes(state, lanes, time, [&](int lane, const Stop& stop) {
        const auto seed = static_cast<std::uint64_t>(lane) + 1;
        Draws sizes = Draws::sizes(seed, 16, 1000);
        Draws order = Draws::places(seed, kPlaces);
        std::vector<Message*> places(kPlaces);
        for (Message*& place : places) place = new_message(allocator, sizes.next());
        std::uint64_t done = 0;
        const auto life = [&] {
            for (int i = 0; i < kReplacedInALife && !raised(stop); ++i, ++done) {
                Message*& place = places[order.next()];
                allocator.deallocate(place, place->bytes);
                place = new_message(allocator, sizes.next());
            }
        };
        while (!raised(stop)) std::thread(life).join();
        for (Message* message : places) allocator.deallocate(message, message->bytes);
        return done;
    });
}

/// mstress: each thread replaces blocks of its own, few of them large, and exchanges some through places that
/// all threads share (the pattern of mstress in mimalloc-bench).
template <class Allocator>
void run_stress(benchmark::State& state, Allocator& allocator, int lanes, std::chrono::milliseconds time) {
    constexpr std::size_t kOwn = 512;
    constexpr std::size_t kShared = 256;
    std::vector<std::atomic<Message*>> shared(kShared);
    run_lanes(state, lanes, time, [&](int lane, const Stop& stop) {
        const auto seed = static_cast<std::uint64_t>(lane) + 1;
        Draws small = Draws::sizes(seed, 16, 1 << 10);
        Draws medium = Draws::sizes(seed, 1 << 10, 64 << 10);
        Draws large = Draws::sizes(seed, 64 << 10, 2 << 20);
        Draws order = Draws::places(seed, kOwn);
        Draws shared_order = Draws::places(seed + 1000, kShared);
        std::vector<Message*> own(kOwn);
        std::uint64_t turn = 0;
        const std::uint64_t done = until_stopped(stop, kOperationsBetweenLooks, [&] {
            Message*& place = own[order.next()];
            ++turn;
            if (place != nullptr && turn % 8 == 0) {
                // Each side reads what the other wrote into the block.
                place = shared[shared_order.next()].exchange(place, std::memory_order_acq_rel);
                return;
            }
            if (place != nullptr) allocator.deallocate(place, place->bytes);
            Draws& sizes = turn % 1000 == 0 ? large : turn % 50 == 0 ? medium : small;
            place = new_message(allocator, sizes.next());
        });
        for (Message* message : own) {
            if (message != nullptr) allocator.deallocate(message, message->bytes);
        }
        return done;
    });
    for (std::atomic<Message*>& place : shared) {
        Message* message = place.load(std::memory_order_relaxed);  // the threads have been joined
        if (message != nullptr) allocator.deallocate(message, message->bytes);
    }
}

/// Registers passing/<name>/threads:<n>.
template <class Allocator>
void register_passing(Allocator& allocator, const Settings& settings) {
    const auto add = [](const std::string& name, int lanes, auto run) {
        benchmark::RegisterBenchmark(("passing/" + name + "/threads:" + std::to_string(lanes)).c_str(), run)
            ->Iterations(1)
            ->UseManualTime();
    };
    const std::chrono::milliseconds time = settings.thread_time;
    for (const int lanes : {2, 16}) {
        for (const Exchange& exchange : kExchanges) {
            add(exchange.name, lanes, [&allocator, &exchange, lanes, time](benchmark::State& state) {
                run_exchange(state, allocator, exchange, lanes / 2, time);
            });
        }
        add("larson", lanes, [&allocator, lanes, time](benchmark::State& state) {
            run_server(state, allocator, lanes, time);
        });
        add("mstress", lanes, [&allocator, lanes, time](benchmark::State& state) {
            run_stress(state, allocator, lanes, time);
        });
    }
}

}  // namespace numapool::bench
