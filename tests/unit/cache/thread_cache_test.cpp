// Owns: checks of threads' caches: one owner each, handed over when threads end, records reused by later
// pools. Must not know: requests, options.
#include "cache/thread_cache.h"

#include <pthread.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>

#include "base/held_locks.h"
#include "cache_fixture.h"

namespace numapool::cache {
namespace {

/// A thread that does what it is told, one thing after another.
class Worker {
public:
    Worker() : thread_([this] { run(); }) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        hand_over(nullptr);
        thread_.join();
    }
    void operator()(const std::function<void()>& work) {
        hand_over(&work);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !work_; });
    }

private:
    void hand_over(const std::function<void()>* work) {
        const std::lock_guard lock(mutex_);
        work_ = work;
        changed_.notify_all();
    }
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return work_.has_value(); });
            if (*work_ == nullptr) return;
            (**work_)();
            work_.reset();
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<const std::function<void()>*> work_;
    std::thread thread_;
};

class ThreadCacheTest : public CacheFixture {
protected:
    // Numbers that no pool of this process has.
    static constexpr std::uint32_t kSlot = kMaxPools - 1;
    static inline std::uint64_t next_id_ = std::uint64_t{1} << 40;
    static inline int told_ = 0;
    static inline bool held_a_lock_ = false;
    static void on_idle() noexcept {
        ++told_;
        held_a_lock_ |= base::holds_locks();
    }
    static std::unique_ptr<CacheList> list() {
        return std::make_unique<CacheList>(next_id_++, kSlot, on_idle);
    }
};

TEST_F(ThreadCacheTest, EachThreadHasItsOwnAndKeepsIt) {
    const auto caches = list();
    ThreadCache* mine = find_or_make_cache(*caches);
    ASSERT_NE(mine, nullptr);
    EXPECT_EQ(find_or_make_cache(*caches), mine);
    EXPECT_EQ(find_cache(caches->slot(), caches->pool_id()), mine);
    in_thread([&] {
        EXPECT_EQ(find_cache(caches->slot(), caches->pool_id()), nullptr);
        EXPECT_NE(find_or_make_cache(*caches), mine);
    });
    EXPECT_EQ(find_cache(caches->slot(), caches->pool_id() + 1), nullptr) << "another pool's";
}

// F29
TEST_F(ThreadCacheTest, F29_WhatAnEndedThreadKeptIsHandedOver) {
    const auto caches = list();
    const std::uint32_t size_class = base::size_class(4096);
    ThreadCache* left = nullptr;
    in_thread([&] {
        left = find_or_make_cache(*caches);
        ArenaCache* cache = left->add(0, arena_, *shared_);
        auto block = cache->allocate_past_magazine(size_class);
        ASSERT_TRUE(block);
        cache->free_past_magazine(size_class, block->address);
        cache->magazine(size_class).allocations.add(7);
        auto large = arena_.take_new_block(2 * kMiB, 64);
        const arena::AddressRange& range = *arena::find_range(large->address);
        cache->free_past_slots(large->address, {2 * kMiB, &range.entries[range.index_of(large->address)]});
        EXPECT_EQ(cache->ready_blocks(Tier::kMedium) + cache->ready_blocks(Tier::kLarge), 2U);
        told_ = 0;
    });
    EXPECT_EQ(told_, 1) << "there is idle memory to look after";
    EXPECT_FALSE(held_a_lock_) << "who is told may want one, and refuses to be told by a holder";
    EXPECT_EQ(budget_of_ready_.large_blocks.drawn(), 0U);
    EXPECT_NE(arena_.take_idle_block(2 * kMiB, 64).address, 0U);
    in_thread([&] {
        ThreadCache* next = find_or_make_cache(*caches);
        EXPECT_EQ(next, left) << "the next thread takes the record over";
        EXPECT_EQ(next->find(0)->magazine(size_class).allocations.get(), 7U) << "with all it counted";
        EXPECT_EQ(next->find(0)->magazine(size_class).size(), 1U) << "and what it had ready";
    });
    EXPECT_TRUE(caches->hand_on_waiting(size_class));
    EXPECT_FALSE(caches->hand_on_waiting(size_class));
    std::uintptr_t back = 0;
    EXPECT_EQ(shared_->depots[size_class].take(&back, 1), 1U) << "or other threads have it";
}

// F29
TEST_F(ThreadCacheTest, F29_WhatWaitsForAThreadIsEmptiedIfNoneComes) {
    const auto caches = list();
    const std::uint32_t size_class = base::size_class(4096);
    const auto live_and_end = [&](std::size_t blocks) {
        in_thread([&] {
            ArenaCache* cache = find_or_make_cache(*caches)->add(0, arena_, *shared_);
            std::vector<std::uintptr_t> taken;
            for (std::size_t i = 0; i < blocks; ++i)
                taken.push_back(cache->allocate_past_magazine(size_class)->address);
            for (const std::uintptr_t block : taken) cache->free_past_magazine(size_class, block);
        });
    };
    live_and_end(1);
    EXPECT_TRUE(caches->empty_waiting(true)) << "it has only begun to wait";
    EXPECT_FALSE(caches->hand_on_waiting(size_class + 1));
    EXPECT_FALSE(caches->empty_waiting(true));
    EXPECT_FALSE(caches->hand_on_waiting(size_class)) << "all of it is gone";
    shared_->empty(arena_, false);
    EXPECT_EQ(budget_of_ready_.slab_bytes.drawn(), 0U);
    budget_of_ready_.slab_bytes.reset(64 << 10);
    live_and_end(20);
    EXPECT_FALSE(caches->hand_on_waiting(size_class)) << "others have no room without what it had";
}

TEST_F(ThreadCacheTest, ARecordThatWaitedServesALaterPoolLikeAnyOther) {
    const std::uint32_t size_class = base::size_class(4096);
    const auto keep_one = [&](CacheList& caches) {
        ArenaCache* cache = find_or_make_cache(caches)->add(0, arena_, *shared_);
        cache->free_past_magazine(size_class, cache->allocate_past_magazine(size_class)->address);
        return cache;
    };
    {
        const auto earlier = list();
        in_thread([&] { keep_one(*earlier); });  // and is waiting when the pool goes
    }
    const auto later = list();
    in_thread([&] {
        ArenaCache* cache = keep_one(*later);
        EXPECT_FALSE(later->hand_on_waiting(size_class));
        later->empty_waiting(false);
        EXPECT_EQ(cache->magazine(size_class).size(), 1U) << "no one else touches what a running thread has";
    });
}

TEST_F(ThreadCacheTest, ALaterPoolOfTheSameSlotNeverSharesARecordBetweenThreads) {
    Worker first;
    Worker second;
    ThreadCache* of_first = nullptr;
    ThreadCache* of_second = nullptr;
    for (int round = 0; round < 4; ++round) {
        const auto caches = list();
        // The records of the last round's list are taken over, in another order.
        Worker& early = round % 2 == 0 ? first : second;
        Worker& late = round % 2 == 0 ? second : first;
        early([&] { of_first = find_or_make_cache(*caches); });
        late([&] { of_second = find_or_make_cache(*caches); });
        ASSERT_NE(of_first, nullptr);
        ASSERT_NE(of_first, of_second) << "two threads would use one cache at the same time";
        early([&] { EXPECT_EQ(find_cache(caches->slot(), caches->pool_id()), of_first); });
        late([&] { EXPECT_EQ(find_cache(caches->slot(), caches->pool_id()), of_second); });
    }
}

TEST_F(ThreadCacheTest, AThreadThatEndsLeavesALaterPoolsRecordAlone) {
    std::unique_ptr<CacheList> caches = list();
    auto ending = std::make_unique<Worker>();
    (*ending)([&] { find_or_make_cache(*caches); });
    caches.reset();
    caches = list();
    Worker using_it;
    ThreadCache* record = nullptr;
    using_it([&] { record = find_or_make_cache(*caches); });
    ending.reset();  // ends with a stale pointer to a record that is now the other thread's
    EXPECT_TRUE(record->in_use);
    in_thread([&] { EXPECT_NE(find_or_make_cache(*caches), record); });
}

pthread_key_t late_key;
CacheList* late_list = nullptr;
bool late_found_one = true;

// Destructors of keys run in rounds: asking for another one makes sure that the cache's own has run.
void use_late(void* round) {
    if (round == &late_key) {
        pthread_setspecific(late_key, &late_list);
    } else {
        late_found_one = find_or_make_cache(*late_list) != nullptr;
    }
}

// F30
TEST_F(ThreadCacheTest, F30_PastAThreadsEndThereIsNoCacheAndTheSpareServes) {
    const auto caches = list();
    ASSERT_TRUE(caches->make_spare());
    late_list = caches.get();
    ASSERT_EQ(pthread_key_create(&late_key, use_late), 0);
    in_thread([&] {
        find_or_make_cache(*caches);
        pthread_setspecific(late_key, &late_key);
    });
    pthread_key_delete(late_key);
    EXPECT_FALSE(late_found_one);
    bool served = false;
    caches->with_spare([&](ThreadCache& spare) { served = spare.in_use; });
    EXPECT_TRUE(served);
}

}  // namespace
}  // namespace numapool::cache
