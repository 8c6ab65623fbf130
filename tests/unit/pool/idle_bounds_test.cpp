// Owns: checks of what bounds a pool's idle memory over time: decay, through pool and background thread.
// Must not know: which granule goes first.
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "os/virtual_memory.h"
#include "played_pool.h"

namespace numapool::detail {
namespace {

using std::chrono::milliseconds;

class IdleBounds : public testing::Test {
protected:
    static std::uint32_t now() { return static_cast<std::uint32_t>(os::coarse_milliseconds()); }
    static bool comes_true(const std::function<bool()>& condition) {
        // A bound on a hang, not a measurement.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(milliseconds(5));
        }
        return true;
    }
};

TEST_F(IdleBounds, BlocksInThreadsSlotsAgeToo) {
    PoolOptions options = quiet_options();
    options.idle_decay = milliseconds(10000);  // ticks come by hand, far ahead of the thread's
    PlayedPool decaying(options);
    void* block = decaying.get(8 * kMiB);
    std::memset(block, 1, 8 * kMiB);
    PlayedPool::give(block);
    const std::uint32_t start = now();
    EXPECT_TRUE(decaying->decay(start, 500));
    EXPECT_EQ(decaying->statistics().idle_bytes, 8 * kMiB);
    decaying->decay(start + 5000, 500);  // half the time untouched: leaves the slot and ages in the arena
    EXPECT_TRUE(decaying->decay(start + 5500, 500));
    decaying->decay(now() + 20000, 500);
    EXPECT_EQ(decaying->statistics().idle_bytes, 0U);
    EXPECT_EQ(decaying->statistics().evicted(EvictionCause::kDecay).bytes, 8 * kMiB);
}

TEST_F(IdleBounds, TheThreadGivesBackWhatIsIdleAndSleeps) {
    PoolOptions options = quiet_options();
    options.idle_decay = milliseconds(50);
    PlayedPool pool(options, "numa:1 core:2 pu:1");
    PlayedPool::give(pool.get(8 * kMiB));
    EXPECT_TRUE(comes_true([&] { return pool->statistics().idle_bytes == 0; }));
}

TEST_F(IdleBounds, TheThreadIsWokenByAReturnOfTheShortestPathToo) {
    PoolOptions options = quiet_options();
    options.idle_decay = milliseconds(50);
    PlayedPool pool(options, "numa:1 core:2 pu:1");
    PlayedPool::give(pool.get(8 * kMiB));
    void* held = pool.get(8 * kMiB);
    // With nothing idle the thread falls asleep; then the block goes into a slot, past every slow path.
    std::this_thread::sleep_for(milliseconds(300));
    PlayedPool::give(held);
    EXPECT_TRUE(comes_true([&] { return pool->statistics().idle_bytes == 0; }));
}

TEST_F(IdleBounds, DecayOfZeroKeepsNoLargeBuffer) {
    PoolOptions options = quiet_options();
    options.idle_decay = milliseconds(0);
    PlayedPool pool(options, "numa:1 core:2 pu:1");
    PlayedPool::give(pool.get(8 * kMiB));
    EXPECT_TRUE(comes_true([&] { return pool->statistics().idle_bytes == 0; }));
}

TEST_F(IdleBounds, TrimAndDecayLeaveNoBufferCountedThatIsGone) {
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    std::vector<void*> blocks;
    for (int i = 0; i < 10; ++i) blocks.push_back(pool.get(8 * kMiB));
    for (void* block : blocks) PlayedPool::give(block);
    EXPECT_EQ(pool->statistics().tier(Tier::kLarge).idle_buffers, 10U);
    EXPECT_EQ(pool->trim(0, EvictionCause::kTrim), 80 * kMiB);
    EXPECT_EQ(pool->statistics().tier(Tier::kLarge).idle_buffers, 0U);
    // And no buffer that is kept later is evicted on account of one that went long ago.
    for (int round = 0; round < 3; ++round) {
        blocks.clear();
        for (int i = 0; i < 20; ++i) blocks.push_back(pool.get(8 * kMiB));
        for (void* block : blocks) PlayedPool::give(block);
        EXPECT_EQ(pool->statistics().evicted(EvictionCause::kMaxBuffers).bytes, 0U);
        pool->trim(0, EvictionCause::kTrim);
    }
}

}  // namespace
}  // namespace numapool::detail
