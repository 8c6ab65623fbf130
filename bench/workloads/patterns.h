// Owns: what threads do beside each other, each with blocks of its own: take, touch and free; take many and
// free them in another order; begin, work and end; and arithmetic alone, as a control.
// Must not know: whose blocks they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "workloads/draws.h"
#include "workloads/lanes.h"
#include "workloads/pages.h"
#include "workloads/settings.h"

namespace numapool::bench {

inline constexpr int kOperationsBetweenLooks = 64;  // at Stop

/// Registers a benchmark that runs make(lane)(stop) in each of `lanes` threads; `make` prepares.
template <class Make>
void register_lanes(const std::string& name, int lanes, const Settings& settings, Make make,
                    const WarmUp& warm_up = {}) {
    const auto run = [lanes, make, warm_up, time = settings.thread_time](benchmark::State& state) {
        run_lanes(state, lanes, time, [&](int lane, const Stop& stop) { return make(lane)(stop); }, warm_up);
    };
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(lanes)).c_str(), run)
        ->Iterations(1)
        ->UseManualTime();
}

/// Does `once` until stopped; returns how often.
template <class Once>
std::uint64_t until_stopped(const Stop& stop, int between_looks, Once once) {
    std::uint64_t done = 0;
    while (!raised(stop)) {
        for (int i = 0; i < between_looks; ++i) once();
        done += static_cast<std::uint64_t>(between_looks);
    }
    return done;
}

/// touch/<bytes>: takes a block, writes to each of its cache lines, frees it. The pattern of Apache Arrow's
/// memory_pool_benchmark.
template <class Allocator>
void register_touch(Allocator& allocator, const Settings& settings) {
    for (const std::size_t bytes : {4UL << 10, 64UL << 10, 1UL << 20, 16UL << 20}) {
        for (const int lanes : {1, 2, 16}) {
            register_lanes("touch/" + std::to_string(bytes), lanes, settings, [&allocator, bytes](int) {
                return [&allocator, bytes](const Stop& stop) {
                    return until_stopped(stop, 1, [&] {
                        void* block = allocator.allocate(bytes);
                        touch_lines(block, bytes);
                        allocator.deallocate(block, bytes);
                    });
                };
            });
        }
    }
}

/// order/<sizes>: takes many blocks of sizes drawn from a set, then frees them in random order. The pattern
/// of multiple_malloc_free in the Unified Memory Framework's benchmark.
template <class Allocator>
void register_order(Allocator& allocator, const Settings& settings) {
    struct Set {
        const char* name;
        std::size_t blocks, least, most;
    };
    for (const Set set : {Set{"64B-64KiB", 1000, 64, 64 << 10}, Set{"64KiB-16MiB", 64, 64 << 10, 16 << 20}}) {
        for (const int lanes : {1, 2}) {
            register_lanes(
                std::string("order/") + set.name, lanes, settings,
                [&allocator, set](int lane) {
                    return [&allocator, set, lane](const Stop& stop) {
                        const auto seed = static_cast<std::uint64_t>(lane) + 1;
                        Draws sizes = Draws::sizes(seed, set.least, set.most);
                        Draws places = Draws::places(seed, set.blocks);
                        struct Block {
                            void* at;
                            std::size_t bytes;
                        };
                        std::vector<Block> blocks(set.blocks);
                        const auto once = [&] {
                            for (Block& block : blocks) {
                                block.bytes = sizes.next();
                                block.at = allocator.allocate(block.bytes);
                                *static_cast<volatile char*>(block.at) = 1;
                            }
                            for (Block& block : blocks) std::swap(block, blocks[places.next()]);
                            for (Block& block : blocks) allocator.deallocate(block.at, block.bytes);
                        };
                        return until_stopped(stop, 1, once) * set.blocks;
                    };
                },
                WarmUp{.operations = 2.0 * Draws::kDrawn});
        }
    }
}

/// churn: a thread starts, takes 64 blocks of 64 bytes to 256 KiB, writes to them, frees them and ends. One
/// operation is such a life.
template <class Allocator>
void register_churn(Allocator& allocator, const Settings& settings) {
    for (const int lanes : {1, 2, 16}) {
        register_lanes("churn", lanes, settings, [&allocator](int lane) {
            return [&allocator, lane](const Stop& stop) {
                Draws sizes = Draws::sizes(static_cast<std::uint64_t>(lane) + 1, 64, 256 << 10);
                const auto life = [&] {
                    struct Block {
                        void* at;
                        std::size_t bytes;
                    };
                    Block blocks[64];
                    for (Block& block : blocks) {
                        block.bytes = sizes.next();
                        block.at = allocator.allocate(block.bytes);
                        *static_cast<volatile char*>(block.at) = 1;
                    }
                    for (const Block& block : blocks) allocator.deallocate(block.at, block.bytes);
                };
                return until_stopped(stop, 1, [&] { std::thread(life).join(); });
            };
        });
    }
}

/// scaling/<bytes>: pairs alone; and scaling/arithmetic: how two threads beside each other fare on this
/// machine when they share nothing.
template <class Allocator>
void register_scaling(Allocator& allocator, const Settings& settings) {
    for (const int lanes : {1, 2, 16}) {
        register_lanes("scaling/arithmetic", lanes, settings, [](int) {
            return [](const Stop& stop) {
                std::uint64_t number = 1;
                return until_stopped(stop, kOperationsBetweenLooks, [&] {
                    for (int i = 0; i < 16; ++i)
                        number = number * 6364136223846793005U + 1442695040888963407U;
                    benchmark::DoNotOptimize(number);
                });
            };
        });
        for (const std::size_t bytes : {256UL, 64UL << 10, 1UL << 20, 16UL << 20}) {
            register_lanes("scaling/" + std::to_string(bytes), lanes, settings, [&allocator, bytes](int) {
                return [&allocator, bytes](const Stop& stop) {
                    return until_stopped(stop, kOperationsBetweenLooks, [&] {
                        void* block = allocator.allocate(bytes);
                        benchmark::DoNotOptimize(block);
                        allocator.deallocate(block, bytes);
                    });
                };
            });
        }
    }
}

/// scratch: each thread frees a block that the main thread took for it, beside those of the others, then
/// takes a small one again and again and writes to it a thousand times. Who hands out parts of one cache line
/// to two threads pays. The pattern of Hoard's cache-scratch.
template <class Allocator>
void register_scratch(Allocator& allocator, const Settings& settings) {
    constexpr std::size_t kBytes = 16;
    for (const int lanes : {1, 2, 16}) {
        const auto run = [&allocator, lanes, time = settings.thread_time](benchmark::State& state) {
            std::vector<void*> given(static_cast<std::size_t>(lanes));
            const auto give = [&] {
                for (void*& block : given) block = allocator.allocate(kBytes);
            };
            const auto work = [&](int lane, const Stop& stop) {
                allocator.deallocate(given[static_cast<std::size_t>(lane)], kBytes);
                return until_stopped(stop, 1, [&] {
                    auto* block = static_cast<volatile unsigned*>(allocator.allocate(kBytes));
                    *block = 0;
                    for (int i = 0; i < 1000; ++i) *block = *block + 1;
                    allocator.deallocate(const_cast<unsigned*>(block), kBytes);
                });
            };
            run_lanes(state, lanes, time, work, {.prepare = give});
        };
        benchmark::RegisterBenchmark(("scratch/threads:" + std::to_string(lanes)).c_str(), run)
            ->Iterations(1)
            ->UseManualTime();
    }
}

}  // namespace numapool::bench
