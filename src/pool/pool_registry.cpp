// Owns: the list behind pool_registry.h.
// Must not know: how a pool allocates.
#include "pool/pool_registry.h"

#include <pthread.h>

#include <array>

#include "base/log.h"
#include "os/fault_signal.h"
#include "pool/decay_thread.h"
#include "pool/interleave_sets.h"
#include "pool/plain_heap.h"
#include "topology/cpu_binding.h"
#include "topology/launch.h"

namespace numapool::detail {
namespace {

constinit base::Mutex registry_mutex;
constinit PoolCore* pools = nullptr;
constinit std::uint64_t last_id = 0;
constinit std::array<bool, cache::kMaxPools> slot_taken{};

}  // namespace

// When the library is loaded: a fork that has begun by the first request would go on without them.
const bool PoolRegistry::forks_are_handled_ =
    ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;

base::Mutex& PoolRegistry::mutex() noexcept { return registry_mutex; }
PoolCore* PoolRegistry::first() noexcept { return pools; }

bool PoolRegistry::claim_slot(std::uint32_t& slot, std::uint64_t& id) noexcept {
    const std::lock_guard lock(registry_mutex);
    // A pool whose last block came back while it was being released is noticed here.
    for (PoolCore* pool = pools; pool != nullptr;) {
        PoolCore* next = pool->next_;
        destroy_if_done(*pool);
        pool = next;
    }
    for (slot = 0; slot < cache::kMaxPools; ++slot) {
        if (slot_taken[slot]) continue;
        slot_taken[slot] = true;
        id = ++last_id;
        return true;
    }
    return false;
}

void PoolRegistry::drop_slot(std::uint32_t slot) noexcept {
    const std::lock_guard lock(registry_mutex);
    slot_taken[slot] = false;
}

void PoolRegistry::enter(PoolCore& pool) noexcept {
    const std::lock_guard lock(registry_mutex);
    pool.next_ = pools;
    pools = &pool;
}

void PoolRegistry::release(PoolCore& pool) noexcept {
    const std::lock_guard lock(registry_mutex);
    pool.released_ = true;
    destroy_if_done(pool);
}

void PoolRegistry::destroy_if_done(PoolCore& pool) noexcept {
    if (!pool.released_ || pool.anything_live()) return;
    // A thread that is ending may be emptying its cache of this pool.
    const std::lock_guard lock(cache::lifetime_mutex());
    if (!pool.all_back()) return;
    PoolCore** link = &pools;
    while (*link != &pool) link = &(*link)->next_;
    *link = pool.next_;
    slot_taken[pool.slot_] = false;
    delete &pool;
}

std::size_t PoolRegistry::trim_others(const PoolCore& asking) noexcept {
    std::size_t given = 0;
    for_each([&](PoolCore& pool) {
        if (&pool != &asking) given += pool.trim(0, EvictionCause::kMaxBytes);
    });
    return given;
}

void PoolRegistry::before_fork() noexcept {
    registry_mutex.lock();
    cache::lifetime_mutex().lock();
    for (PoolCore* pool = pools; pool != nullptr; pool = pool->next_) pool->lock_all();
    cache::lock_records();
    PlainHeap::lock();
    DecayThread::lock();
    lock_interleave_sets();
    os::lock_faults();
    topology::lock_launch();
    topology::lock_binding();
    base::lock_log();
}

void PoolRegistry::unlock_everything() noexcept {
    base::unlock_log();
    topology::unlock_binding();
    topology::unlock_launch();
    os::unlock_faults();
    unlock_interleave_sets();
    DecayThread::unlock();
    PlainHeap::unlock();
    cache::unlock_records();
    for (PoolCore* pool = pools; pool != nullptr; pool = pool->next_) pool->unlock_all();
    cache::lifetime_mutex().unlock();
    registry_mutex.unlock();
}

void PoolRegistry::after_fork_in_parent() noexcept { unlock_everything(); }

void PoolRegistry::after_fork_in_child() noexcept {
    DecayThread::forget();
    for (PoolCore* pool = pools; pool != nullptr; pool = pool->next_) pool->forget_other_threads();
    unlock_everything();
}

}  // namespace numapool::detail
