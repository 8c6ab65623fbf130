// Owns: an arena with a budget for ready blocks, for tests of threads' caches.
// Must not know: what is tested of them.
#pragma once

#include <thread>

#include <gtest/gtest.h>

#include "arena/commit_budget.h"
#include "arena/node_arena.h"
#include "cache/tier_budget.h"

namespace numapool::cache {

inline constexpr std::size_t kMiB = std::size_t{1} << 20;

class CacheFixture : public testing::Test {
protected:
    CacheFixture() { ready_.reset(32, 32, 16); }

    static arena::ArenaSettings settings(arena::CommitBudget& budget) {
        arena::ArenaSettings result;
        result.budget = &budget;
        result.range_bytes = std::size_t{1} << 30;
        return result;
    }
    template <class Work>
    static void in_thread(Work work) {
        std::thread(work).join();
    }

    arena::CommitBudget budget_{arena::CommitBudget::kUnlimited};
    arena::NodeArena arena_{settings(budget_)};
    TierBudget ready_;
};

}  // namespace numapool::cache
