// Owns: making, finding and giving up threads' caches.
// Must not know: requests, options.
#include "cache/thread_cache.h"

#include <pthread.h>

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

#include "os/virtual_memory.h"

namespace numapool::cache {
namespace {

// Records are recycled for the life of the process, guarded by records_mutex; see ThreadCache.
ThreadCache* unused_caches = nullptr;
struct UnusedArenaCache {
    UnusedArenaCache* next;
};
UnusedArenaCache* unused_arena_caches = nullptr;
struct UnusedTable {
    UnusedTable* next;
};
UnusedTable* unused_tables = nullptr;  // all zero but for the link
constinit base::Mutex records_mutex;

constinit base::Mutex lifetime;
constinit thread_local bool thread_ended = false;
constinit thread_local std::uint32_t slots_used = 0;  ///< entries of thread_caches from here on are empty

pthread_key_t end_of_thread;
pthread_once_t end_of_thread_made = PTHREAD_ONCE_INIT;
bool have_end_of_thread = false;

constexpr std::size_t kTableBytes = kMaxPools * sizeof(ThreadCache*);

// A table of its own for each thread that starts would cost it two system calls and a page fault.
ThreadCache** get_table() noexcept {
    const std::lock_guard lock(records_mutex);
    if (unused_tables == nullptr) return static_cast<ThreadCache**>(os::map_records(kTableBytes));
    UnusedTable* table = unused_tables;
    unused_tables = table->next;
    table->next = nullptr;
    return reinterpret_cast<ThreadCache**>(table);
}

void give_up_table(ThreadCache** table) noexcept {
    std::fill(table, table + slots_used, nullptr);
    const std::lock_guard lock(records_mutex);
    unused_tables = new (static_cast<void*>(table)) UnusedTable{unused_tables};
}

// Runs after C++ thread-local destructors, so that they may still return buffers the fast way.
void end_thread(void* table) noexcept {
    auto** caches = static_cast<ThreadCache**>(table);
    // First: what is told or started below may call back.
    thread_caches = nullptr;
    hot_cache = {};
    thread_ended = true;
    OnIdle on_idle = nullptr;
    {
        const std::lock_guard lock(lifetime);
        for (std::uint32_t slot = 0; slot < slots_used; ++slot) {
            ThreadCache* cache = caches[slot];
            // A cache of a pool that is gone may serve another by now: then it is in use by another thread's
            // table.
            if (cache == nullptr || cache->pool_id.load(std::memory_order_relaxed) == 0) continue;
            if (cache->table.load(std::memory_order_relaxed) != caches) continue;
            if (const OnIdle told = cache->list->give_up(*cache); told != nullptr) on_idle = told;
        }
    }
    if (on_idle != nullptr) on_idle();  // it takes locks of its own
    give_up_table(caches);
}

void make_end_of_thread() noexcept {
    have_end_of_thread = ::pthread_key_create(&end_of_thread, end_thread) == 0;
}

}  // namespace

constinit thread_local ThreadCache** thread_caches = nullptr;
constinit thread_local HotCache hot_cache{};

base::Mutex& lifetime_mutex() noexcept { return lifetime; }

void lock_records() noexcept { records_mutex.lock(); }
void unlock_records() noexcept { records_mutex.unlock(); }

void HotCache::set(std::uint64_t new_key, ArenaCache& new_cache) noexcept {
    *this = {new_key, &new_cache, {}, {}, {}};
    const arena::NodeArena& arena = new_cache.arena();
    if (const auto* range = arena.newest_range(arena::Purpose::kFineSlab)) fine = range->marks_window();
    if (const auto* range = arena.newest_range(arena::Purpose::kCoarseSlab)) coarse = range->marks_window();
    if (const auto* range = arena.newest_range(arena::Purpose::kLargeBlock)) large = range->entries_window();
}

ArenaCache* ThreadCache::add(std::uint32_t index, arena::NodeArena& arena, SharedBlocks& shared) noexcept {
    void* memory = nullptr;
    {
        const std::lock_guard lock(records_mutex);
        if (unused_arena_caches != nullptr) {
            memory = unused_arena_caches;
            unused_arena_caches = unused_arena_caches->next;
        }
    }
    if (memory == nullptr) memory = os::map_records(sizeof(ArenaCache));
    if (memory == nullptr) return nullptr;
    auto* made = new (memory) ArenaCache;
    made->attach(arena, shared);
    // Release pairs with the acquire in find: statistics read it from other threads.
    arenas[index].store(made, std::memory_order_release);
    return made;
}

CacheList::~CacheList() {
    const std::lock_guard lock(records_mutex);
    while (head_ != nullptr) {
        ThreadCache* cache = head_;
        head_ = cache->next;
        for (auto& entry : cache->arenas) {
            ArenaCache* arena_cache = entry.load(std::memory_order_relaxed);
            if (arena_cache == nullptr) continue;
            unused_arena_caches = new (arena_cache) UnusedArenaCache{unused_arena_caches};
            entry.store(nullptr, std::memory_order_relaxed);
        }
        cache->pool_id.store(0, std::memory_order_relaxed);
        cache->table.store(nullptr, std::memory_order_relaxed);
        cache->in_use = cache->waits = false;
        cache->next = unused_caches;
        unused_caches = cache;
    }
}

ThreadCache* CacheList::acquire() noexcept {
    const std::lock_guard lock(mutex_);
    for (ThreadCache* cache = head_; cache != nullptr; cache = cache->next) {
        if (cache->in_use) continue;
        cache->in_use = true;
        cache->waits = false;
        return cache;
    }
    ThreadCache* cache = nullptr;
    {
        const std::lock_guard records_lock(records_mutex);
        if (unused_caches != nullptr) {
            cache = unused_caches;
            unused_caches = cache->next;
        }
    }
    if (cache == nullptr) {
        void* memory = os::map_records(sizeof(ThreadCache));
        if (memory == nullptr) return nullptr;
        cache = new (memory) ThreadCache;
    }
    cache->list = this;
    cache->in_use = true;
    cache->next = head_;
    cache->pool_id.store(pool_id_, std::memory_order_relaxed);
    head_ = cache;
    return cache;
}

void CacheList::empty(ThreadCache& cache) noexcept {
    for (auto& entry : cache.arenas) {
        ArenaCache* arena_cache = entry.load(std::memory_order_relaxed);
        if (arena_cache == nullptr) continue;
        arena_cache->flush_magazines();
        arena_cache->close_large();
    }
}

OnIdle CacheList::give_up(ThreadCache& cache) noexcept {
    std::array<std::uint64_t, std::tuple_size_v<decltype(waiting_classes_)>> classes{};
    bool waits = false;
    for (auto& entry : cache.arenas) {
        ArenaCache* arena_cache = entry.load(std::memory_order_relaxed);
        if (arena_cache == nullptr) continue;
        arena_cache->large().forget_owner();
        arena_cache->close_large();
        if (!arena_cache->may_wait()) arena_cache->flush_magazines();
        for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
            if (arena_cache->magazine(size_class).size() == 0) continue;
            classes[size_class / 64] |= std::uint64_t{1} << size_class % 64;
            waits = true;
        }
    }
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < classes.size(); ++i)
            waiting_classes_[i].fetch_or(classes[i], std::memory_order_relaxed);
        cache.waits = waits;
        cache.looked_at = false;
        cache.table.store(nullptr, std::memory_order_relaxed);
        cache.in_use = false;
    }
    return on_idle_;
}

bool CacheList::empty_waiting(bool long_waiting_only) noexcept {
    const std::lock_guard lock(mutex_);
    bool left = false;
    for (ThreadCache* cache = head_; cache != nullptr; cache = cache->next) {
        if (!cache->waits) continue;
        if (long_waiting_only && !std::exchange(cache->looked_at, true)) {
            left = true;
        } else {
            empty(*cache);
            cache->waits = false;
        }
    }
    return left;
}

bool CacheList::hand_on_waiting(std::uint32_t size_class) noexcept {
    std::atomic<std::uint64_t>& classes = waiting_classes_[size_class / 64];
    const std::uint64_t bit = std::uint64_t{1} << size_class % 64;
    if ((classes.load(std::memory_order_relaxed) & bit) == 0) return false;
    const std::lock_guard lock(mutex_);
    classes.fetch_and(~bit, std::memory_order_relaxed);
    bool any = false;
    for (ThreadCache* cache = head_; cache != nullptr; cache = cache->next) {
        if (!cache->waits) continue;
        for (auto& entry : cache->arenas) {
            ArenaCache* arena_cache = entry.load(std::memory_order_relaxed);
            if (arena_cache == nullptr || arena_cache->magazine(size_class).size() == 0) continue;
            arena_cache->flush_magazine(size_class);
            any = true;
        }
    }
    return any;
}

std::size_t CacheList::record_bytes() noexcept {
    std::size_t bytes = 0;
    for_each([&](const ThreadCache& cache) {
        bytes += sizeof(ThreadCache);
        for (const auto& entry : cache.arenas) {
            if (entry.load(std::memory_order_relaxed) != nullptr) bytes += sizeof(ArenaCache);
        }
    });
    return bytes;
}

ThreadCache* find_or_make_cache(CacheList& list) noexcept {
    if (ThreadCache* cache = find_cache(list.slot(), list.pool_id()); cache != nullptr) return cache;
    if (thread_ended) return nullptr;
    ::pthread_once(&end_of_thread_made, make_end_of_thread);
    if (!have_end_of_thread) return nullptr;
    if (thread_caches == nullptr) {
        ThreadCache** table = get_table();
        if (table == nullptr) return nullptr;
        if (::pthread_setspecific(end_of_thread, static_cast<void*>(table)) != 0) {
            give_up_table(table);
            return nullptr;
        }
        thread_caches = table;
    }
    ThreadCache* cache = list.acquire();
    if (cache == nullptr) return nullptr;
    cache->table.store(thread_caches, std::memory_order_relaxed);
    thread_caches[list.slot()] = cache;
    slots_used = std::max(slots_used, list.slot() + 1);
    return cache;
}

}  // namespace numapool::cache
