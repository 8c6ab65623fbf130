// Owns: a small arena for a test, with its budget.
// Must not know: what is tested of it.
#pragma once

#include <cstring>

#include <gtest/gtest.h>

#include "arena/commit_budget.h"
#include "arena/node_arena.h"
#include "os/virtual_memory.h"

namespace numapool::arena {

inline constexpr std::size_t kMiB = std::size_t{1} << 20;
inline constexpr std::size_t kGiB = std::size_t{1} << 30;

class ArenaFixture : public testing::Test {
protected:
    /// Address space in ranges of 1 GiB: sanitizers have little to spare.
    static ArenaSettings settings(CommitBudget& budget) {
        ArenaSettings result;
        result.budget = &budget;
        result.range_bytes = kGiB;
        result.huge_pages = HugePages::kNever;
        return result;
    }

    /// A large block whose pages are touched.
    static Extent take_new(NodeArena& arena, std::size_t bytes, std::size_t alignment = 64) {
        auto made = arena.take_new_block(bytes, alignment);
        EXPECT_TRUE(made);
        if (!made) return {};
        std::memset(reinterpret_cast<void*>(made->address), 0xAB, made->bytes);
        return *made;
    }
    static bool put(NodeArena& arena, const Extent& block) {
        AddressRange& range = *find_range(block.address);
        EXPECT_TRUE(change_block(block.address, BlockState::kLive, BlockState::kCached));
        return arena.put_block(range, range.index_of(block.address), block.bytes, 0);
    }
    /// Until the arena has `bytes` of free memory.
    static base::Result<bool> prefault(NodeArena& arena, std::size_t bytes) {
        auto run = arena.begin_prefault(bytes);
        if (!run) return run.failure();
        if (run->slices == 0) return true;
        const int error = os::populate(run->address(), run->bytes());
        arena.finish_prefault(*run, error == 0);
        if (error == 0) return true;
        return base::Failure{ErrorCode::kOutOfMemory, error, run->bytes(), 0};
    }
    static bool reads_zero(const Extent& extent) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(extent.address);
        for (std::size_t i = 0; i < extent.bytes; ++i) {
            if (bytes[i] != 0) return false;
        }
        return true;
    }

    CommitBudget budget_{CommitBudget::kUnlimited};
    NodeArena arena_{settings(budget_)};
};

}  // namespace numapool::arena
