// Owns: an arena with a budget for ready blocks, for tests of threads' caches.
// Must not know: what is tested of them.
#pragma once

#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "arena/commit_budget.h"
#include "arena/node_arena.h"
#include "cache/depot.h"

namespace numapool::cache {

inline constexpr std::size_t kMiB = std::size_t{1} << 20;

class CacheFixture : public testing::Test {
protected:
    static constexpr std::size_t kReadyBytes = std::size_t{1} << 20;

    CacheFixture() {
        shared_->budget.slab_bytes.reset(kReadyBytes);
        shared_->budget.large_blocks.reset(16);
    }

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
    const std::unique_ptr<SharedBlocks> shared_ = std::make_unique<SharedBlocks>();
    ReadyBudget& budget_of_ready_ = shared_->budget;
};

}  // namespace numapool::cache
