// Owns: checks of what the pool tells by the word that stands in returned blocks: second returns, wherever a
// block lies meanwhile, holders who write that very word, and writing after the return.
// Must not know: how caches and slabs keep blocks.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

#include "arena/seal.h"
#include "fakes/messages.h"

namespace numapool {
namespace {

constexpr std::size_t kSizes[] = {1, 64, 1000, 5000, std::size_t{64} << 10, std::size_t{1} << 20};

PoolOptions options_with(std::size_t max_buffers) {
    PoolOptions options;
    options.idle_decay = std::nullopt;
    options.max_buffers = max_buffers;
    return options;
}

void write_word(void* block, std::uint64_t word) { *static_cast<std::uint64_t*>(block) = word; }

/// What becomes of a block after its return: it lies ready in the thread's own cache, in that of another
/// thread that is still there, among those that an ended thread left, or in its slab.
struct Place {
    const char* name;
    std::size_t max_buffers;
    std::function<void(MemoryPool&, void*, const std::function<void()>&)> return_and_look;
};

void return_here(MemoryPool& pool, void* block, const std::function<void()>& look) {
    pool.deallocate(block);
    look();
}
void return_elsewhere(MemoryPool& pool, void* block, const std::function<void()>& look) {
    std::thread([&] {
        pool.deallocate(block);
        std::thread(look).join();
    }).join();
}
void return_and_end(MemoryPool& pool, void* block, const std::function<void()>& look) {
    std::thread([&] { pool.deallocate(block); }).join();
    look();
}

const Place kPlaces[] = {{"its own cache", 32, return_here},
                         {"another thread's cache", 32, return_elsewhere},
                         {"what an ended thread left", 32, return_and_end},
                         {"its slab", 0, return_here}};

TEST(SealedBlocks, F09_ASecondReturnIsToldWhereverTheBlockLies) {
    for (const Place& place : kPlaces) {
        for (const std::size_t bytes : kSizes) {
            MemoryPool pool(options_with(place.max_buffers));
            void* const beside = pool.allocate(bytes);  // keeps the slab
            void* const block = pool.allocate(bytes);
            place.return_and_look(pool, block, [&] {
                EXPECT_EQ(pool.try_deallocate(block), ErrorCode::kAlreadyReturned) << place.name;
                EXPECT_EQ(return_block(block), ErrorCode::kAlreadyReturned) << place.name;
            });
            pool.deallocate(beside);
            EXPECT_EQ(pool.get_statistics().live_buffers, 0U);
        }
    }
}

TEST(SealedBlocks, F09_ASecondReturnIsToldThoughTheMemoryIsFree) {
    PoolOptions options = options_with(32);
    options.max_idle_bytes = std::size_t{1} << 30;  // so that no block waits with its thread
    MemoryPool pool(options);
    void* const block = pool.allocate(std::size_t{3} << 20);
    pool.deallocate(block);
    EXPECT_EQ(pool.try_deallocate(block), ErrorCode::kAlreadyReturned);
    EXPECT_EQ(return_block(block), ErrorCode::kAlreadyReturned);
}

TEST(SealedBlocks, F09_AHolderMayWriteTheVeryWord) {
    for (const Place& place : kPlaces) {
        for (const std::size_t bytes : kSizes) {
            MemoryPool pool(options_with(place.max_buffers));
            void* const beside = pool.allocate(bytes);
            void* const block = pool.allocate(bytes);
            write_word(block, arena::kSeal);
            place.return_and_look(pool, block, [&] {
                EXPECT_EQ(pool.try_deallocate(block), ErrorCode::kAlreadyReturned) << place.name;
                write_word(beside, arena::kSeal);
                EXPECT_EQ(return_block(beside), ErrorCode::kOk) << place.name;
            });
            EXPECT_EQ(pool.get_statistics().live_buffers, 0U) << place.name << ", " << bytes;
        }
    }
}

TEST(SealedBlocks, F24_WritingAfterTheReturnIsToldAndTheBlockNotHandedOut) {
    for (const Place& place : kPlaces) {
        MemoryPool pool(options_with(place.max_buffers));
        void* const block = pool.allocate(200);
        const fakes::Messages messages;
        place.return_and_look(pool, block, [&] { write_word(block, 0xABCDEF); });
        std::set<void*> later;
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(later.insert(pool.allocate(200)).second);
        EXPECT_EQ(later.count(block), 0U) << place.name;
        EXPECT_EQ(messages.count("was written to after its return"), 1U) << place.name << messages.text();
        EXPECT_EQ(pool.get_statistics().live_buffers, 1001U) << "and counts as live from then on";
        for (void* one : later) pool.deallocate(one);
    }
}

TEST(SealedBlocks, F24_TheRequestThatMeetsTheBlockTells) {
    MemoryPool pool(options_with(32));
    void* const below = pool.allocate(200);
    void* const block = pool.allocate(200);
    pool.deallocate(below);
    pool.deallocate(block);
    write_word(block, 0xABCDEF);
    const fakes::Messages messages;
    EXPECT_EQ(pool.allocate(200), below) << "which lay ready below it";
    EXPECT_EQ(messages.count("was written to after its return"), 1U) << messages.text();
    EXPECT_EQ(return_block(block), ErrorCode::kOk) << "it counts as live";
    pool.deallocate(below);
}

TEST(SealedBlocks, F09_ABlockReturnedTwiceInSpiteOfAllHasOneHolder) {
    for (const Place& place : kPlaces) {
        MemoryPool pool(options_with(place.max_buffers));
        void* const block = pool.allocate(200);
        const fakes::Messages messages;
        place.return_and_look(pool, block, [&] {
            write_word(block, 0xABCDEF);
            EXPECT_EQ(pool.try_deallocate(block), ErrorCode::kOk) << "nothing tells it from a live one";
        });
        std::set<void*> later;
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(later.insert(pool.allocate(200)).second) << place.name;
        for (void* one : later) pool.deallocate(one);
    }
}

// Counted, the second return stands for the block that is still out.
TEST(SealedBlocks, F14_ABlockReturnedTwiceEndsNoPoolUnderAnotherOne) {
    for (const Place& place : kPlaces) {
        auto pool = std::make_unique<MemoryPool>(options_with(place.max_buffers));
        auto* const out = static_cast<char*>(pool->allocate(5000));
        void* const block = pool->allocate(200);
        place.return_and_look(*pool, block, [&] {
            write_word(block, 0xABCDEF);
            EXPECT_EQ(pool->try_deallocate(block), ErrorCode::kOk);
        });
        pool.reset();
        std::memset(out, 1, 5000);
        EXPECT_EQ(return_block(out), ErrorCode::kOk) << place.name;
    }
}

TEST(SealedBlocks, F08_LookingABlockUpWhileItsSlabGoes) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "looking at what others write to is the fault that is played here";
#endif
    MemoryPool pool(options_with(32));
    std::atomic<void*> stale{nullptr};
    std::atomic<bool> done{false};
    std::thread looking([&] {
        while (!done) {
            if (void* const block = stale.load(); block != nullptr) static_cast<void>(pool.find_block(block));
        }
    });
    for (int i = 0; i < 3000; ++i) {
        void* const block = pool.allocate(i % 2 == 0 ? 3000 : 700);
        pool.deallocate(block);
        stale = block;
        pool.trim();
    }
    done = true;
    looking.join();
}

}  // namespace
}  // namespace numapool
