// Owns: the proof by numbers: a million random operations by threads on every node, every page looked up.
// Must not know: which machine this is.
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr std::size_t kHeldByThread = 48;
constexpr int kBetweenLooks = 2000;

std::uint64_t operations_wanted() {
    const char* text = std::getenv("NUMAPOOL_VM_OPERATIONS");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 1'000'000;
}

/// Whether this system tells of single pages. Where it does not, a look takes milliseconds, so there are few.
bool tells_of_pages() {
    const int probe = 1;
    return where(&probe, sizeof probe).evidence == Evidence::kPages;
}

struct Held {
    char* block = nullptr;
    std::size_t bytes = 0;
    Placement promised;
    char stamp = 0;
};

struct Totals {
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> returned_by_others{0};
    std::atomic<std::uint64_t> looked_up{0};
    std::atomic<std::uint64_t> right{0};
    std::atomic<std::uint64_t> unknown{0};
    std::atomic<std::uint64_t> wrong_owner{0};
};

class Worker {
public:
    Worker(MemoryPool& pool, Totals& totals, std::vector<Placement> places, unsigned seed)
        : pool_(pool), totals_(totals), places_(std::move(places)), random_(seed) {}

    void run(std::uint64_t operations) {
        for (std::uint64_t i = 0; i < operations; ++i) {
            Held& held = held_[random_() % held_.size()];
            if (held.block == nullptr) {
                held = get();
            } else if (random_() % 4 == 0) {
                exchange(held);
            } else {
                give(held);
            }
            if (tells_ && i % kBetweenLooks == 0) look();
        }
        look();
        for (Held& held : held_) give(held);
        totals_.operations += operations;
    }

    static void give_leftovers(MemoryPool& pool) {
        for (Held& held : exchanged) {
            if (held.block != nullptr) pool.deallocate(std::exchange(held.block, nullptr));
        }
    }

private:
    std::size_t random_bytes() {
        const auto kind = random_() % 1000;
        if (kind < 900) return 1 + random_() % (4 * kKiB);
        if (kind < 990) return 1 + random_() % (64 * kKiB);
        if (kind < 998) return 1 + random_() % kMiB;
        return kMiB + random_() % (2 * kMiB);
    }

    Held get() {
        const std::size_t bytes = random_bytes();
        const Placement asked = places_[random_() % places_.size()];
        const std::optional<Placement> promised = pool_.resolve(asked);
        auto* block = static_cast<char*>(pool_.allocate(bytes, {.placement = asked}));
        const auto stamp = static_cast<char>(random_());
        for (std::size_t i = 0; i < bytes; i += 4096) block[i] = stamp;
        block[bytes - 1] = stamp;
        if (pool_.find_block(block)->placement != *promised) ++totals_.wrong_owner;
        return {block, bytes, *promised, stamp};
    }

    void give(Held& held) {
        if (held.block == nullptr) return;
        for (std::size_t i = 0; i < held.bytes; i += 4096) ASSERT_EQ(held.block[i], held.stamp) << i;
        ASSERT_EQ(held.block[held.bytes - 1], held.stamp);
        pool_.deallocate(std::exchange(held.block, nullptr));
    }

    /// Takes a block that a thread of any node left, and leaves this one for any other.
    void exchange(Held& held) {
        const std::lock_guard lock(exchange_mutex);
        std::swap(held, exchanged[random_() % exchanged.size()]);
        ++totals_.returned_by_others;
    }

    void look() {
        for (const Held& held : held_) {
            if (held.block == nullptr) continue;
            const PageMap map = where(held.block, held.bytes);
            totals_.looked_up += map.total() - map.absent - map.unknown;
            totals_.unknown += map.unknown;
            for (const int node : held.promised.nodes()) {
                if (const auto found = map.pages_on.find(node); found != map.pages_on.end())
                    totals_.right += found->second;
            }
        }
    }

    static inline std::mutex exchange_mutex;
    static inline std::array<Held, 64> exchanged{};

    MemoryPool& pool_;
    Totals& totals_;
    const std::vector<Placement> places_;
    const bool tells_ = tells_of_pages();
    std::mt19937 random_;
    std::array<Held, kHeldByThread> held_{};
};

TEST(Operations, AMillionLeaveEveryPageOnItsNode) {
    const std::uint64_t wanted = operations_wanted();
    MemoryPool pool({.max_buffers = 8});
    std::vector<int> nodes;
    std::vector<Placement> places(3, Placement::current_node());
    for (const NumaNode& node : memory_nodes()) {
        nodes.push_back(node.id);
        places.push_back(Placement::on_node(node.id));
    }
    if (nodes.size() > 1) {
        places.push_back(Placement::interleave(nodes));
        const std::vector<int> two = {nodes[0], nodes[1]};
        places.push_back(Placement::interleave(two, std::vector<int>{2, 1}));
    }
    Totals totals;
    std::vector<int> from = cpu_nodes();
    if (from.size() == 1) from.push_back(from[0]);
    {
        std::vector<std::jthread> threads;
        unsigned seed = 20;
        for (const int node : from) {
            threads.emplace_back([&, node, seed] {
                const NodeBinding binding(node);
                Worker(pool, totals, places, seed).run((wanted + from.size() - 1) / from.size());
            });
            ++seed;
        }
    }
    Worker::give_leftovers(pool);
    std::uint64_t home = 0;
    std::uint64_t elsewhere = 0;
    std::uint64_t unknown = 0;
    for (const PlacementCheck& check : pool.verify_placement()) {
        home += check.home;
        elsewhere += check.elsewhere;
        unknown += check.unknown;
    }
    const Statistics statistics = pool.get_statistics();
    say("%llu operations from %zu nodes' CPUs on %zu nodes' memory, %llu blocks passed on; %llu pages looked "
        "up, "
        "%.2f%% on the promised node; the whole pool: %llu pages home, %llu elsewhere, %llu unknown; "
        "fallbacks reported: %llu",
        static_cast<unsigned long long>(totals.operations), cpu_nodes().size(), nodes.size(),
        static_cast<unsigned long long>(totals.returned_by_others),
        static_cast<unsigned long long>(totals.looked_up),
        100.0 * static_cast<double>(totals.right) / static_cast<double>(totals.looked_up),
        static_cast<unsigned long long>(home), static_cast<unsigned long long>(elsewhere),
        static_cast<unsigned long long>(unknown),
        static_cast<unsigned long long>(statistics.fallback_allocations));
    EXPECT_GE(totals.operations, wanted);
    EXPECT_EQ(totals.wrong_owner, 0U);
    EXPECT_EQ(totals.right, totals.looked_up) << "known to lie somewhere else";
    EXPECT_EQ(elsewhere, 0U);
    EXPECT_EQ(statistics.live_buffers, 0U);
    if (tells_of_pages()) {
        EXPECT_GT(totals.looked_up, 1000U);
        EXPECT_EQ(totals.unknown + unknown, 0U);
        EXPECT_EQ(statistics.fallback_allocations, 0U);
    } else {
        EXPECT_EQ(statistics.fallback_allocations, statistics.total_allocations) << "each is reported";
    }
}

}  // namespace
}  // namespace numapool::vm
