// Owns: a pool's making, its housekeeping and its end.
// Must not know: exceptions. Requests are in allocate.cpp, returns in return.cpp, prefaulting in
// prefault.cpp, figures in pool_statistics.cpp.
#include "pool/pool_core.h"

#include <algorithm>
#include <limits>
#include <new>

#include "os/memory_tools.h"
#include "os/process_barrier.h"
#include "os/virtual_memory.h"
#include "pool/decay_thread.h"
#include "pool/interleave_sets.h"
#include "pool/pool_registry.h"

namespace numapool::detail {

PoolCore* PoolCore::create(const PoolOptions& options, const CoreSettings& settings) {
    std::uint32_t slot = 0;
    std::uint64_t id = 0;
    if (!PoolRegistry::claim_slot(slot, id)) return nullptr;
    PoolCore* core = nullptr;
    bool ready = false;
    try {
        core = new PoolCore(options, settings, id, slot);
        ready = core->set_up(*settings.topology);
    } catch (const std::bad_alloc&) {
        ready = false;
    }
    if (!ready) {
        delete core;
        PoolRegistry::drop_slot(slot);
        return nullptr;
    }
    PoolRegistry::enter(*core);
    return core;
}

PoolCore::PoolCore(const PoolOptions& options, const CoreSettings& settings, std::uint64_t id,
                   std::uint32_t slot)
    : options_(options),
      settings_(settings),
      id_(id),
      slot_(slot),
      monitoring_(options.enable_monitoring),
      budget_(options.max_bytes.value_or(arena::CommitBudget::kUnlimited)),
      caches_(id, slot, options.idle_decay ? DecayThread::wake : nullptr) {
    os::tools_pool_made(this);
}

PoolCore::~PoolCore() {
    os::tools_pool_gone(this);
    for_each_arena([](std::uint32_t, arena::NodeArena& arena) { delete &arena; });
}

bool PoolCore::set_up(const Topology& topology) {
    if (!make_arenas(topology)) return false;
    const std::lock_guard lock(growth_mutex_);
    set_short_ways();
    return true;
}

void PoolCore::set_short_ways() noexcept {
    const bool strict = options_.bind == BindMode::kStrict && options_.numa_aware;
    bool allowed = true;
    for (const ArenaSlot& slot : arenas_) allowed &= !slot.forbidden.load(std::memory_order_relaxed);
    all_nodes_allowed_.store(allowed, std::memory_order_relaxed);
    const bool right =
        allowed && !closed() && !strict && !settings_.disabled && !options_.zero_on_return && !watches_next();
    const std::uint64_t key = right ? cache::cache_key(id_, 0) : cache::kNoCacheKey;
    fast_key_.store(key, std::memory_order_relaxed);
    only_key_.store(single_arena_ ? key : cache::kNoCacheKey, std::memory_order_relaxed);
}

bool PoolCore::make_arenas(const Topology& topology) {
    arena_of_memory_.fill(-1);
    if (!caches_.make_spare()) return false;
    for (const NumaNode& node : topology.nodes) cpus_ += node.cpus.size();
    if (!options_.numa_aware) {
        node_arenas_ = 1;
        return make_arena(0, Placement::current_node()) != nullptr;
    }
    const auto usable = [](int id) { return id >= 0 && id < os::NodeMask::kMaxNodes; };
    std::vector<std::size_t> with_memory;  // positions in topology.nodes
    for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
        const NumaNode& node = topology.nodes[i];
        if (!usable(node.id) || !node.allowed || node.total_bytes == 0) continue;
        if (with_memory.size() == cache::kMaxNodeArenas) break;
        arena_of_memory_[static_cast<std::size_t>(node.id)] = static_cast<std::int16_t>(with_memory.size());
        with_memory.push_back(i);
    }
    if (with_memory.empty()) {  // nothing is known of memory: all of it is the first node's
        with_memory.push_back(0);
        const int id = topology.nodes.empty() ? 0 : topology.nodes[0].id;
        if (usable(id)) arena_of_memory_[static_cast<std::size_t>(id)] = 0;
    }
    // A CPU whose own node has no memory to give allocates from the nearest one that has.
    for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
        const int id = topology.nodes[i].id;
        if (!usable(id)) continue;
        std::int16_t nearest = 0;
        std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t arena = 0; arena < with_memory.size(); ++arena) {
            const std::size_t j = with_memory[arena];
            std::uint64_t distance = i == j ? 0 : 20;
            if (i != j && i < topology.distances.size() && j < topology.distances[i].size()) {
                distance = topology.distances[i][j];
            }
            if (distance < least) least = distance, nearest = static_cast<std::int16_t>(arena);
        }
        arena_of_cpu_[static_cast<std::size_t>(id)] = nearest;
    }
    node_arenas_ = static_cast<std::uint32_t>(with_memory.size());
    single_arena_ = node_arenas_ == 1;
    for (std::uint32_t index = 0; index < node_arenas_; ++index) {
        const NumaNode& node = topology.nodes[with_memory[index]];
        arenas_[index].cpus = node.cpus;
        if (make_arena(index, Placement::on_node(node.id)) == nullptr) return false;
    }
    return true;
}

arena::NodeArena* PoolCore::make_arena(std::uint32_t index, const Placement& placement) noexcept {
    const std::lock_guard lock(growth_mutex_);
    if (arena::NodeArena* made = arena_at(index); made != nullptr) return made;
    ArenaSlot& slot = arenas_[index];
    slot.placement = placement;
    // Part of the large tier's bound goes to threads' slots, which are quicker, the rest to the arena's
    // credits.
    const bool slots = !options_.max_idle_bytes && options_.idle_decay != std::chrono::milliseconds(0) &&
                       os::have_process_barrier();
    // What threads keep ready is not looked at on the short path: at most a quarter of a bound in bytes.
    const std::size_t slab_bytes = options_.max_buffers * 2 * base::kMaxSlabBlockBytes;
    slot.shared.reset(new (std::nothrow) cache::SharedBlocks);
    if (slot.shared == nullptr) return nullptr;
    slot.shared->budget.slab_bytes.reset(
        options_.max_idle_bytes ? std::min(slab_bytes, *options_.max_idle_bytes / 4) : slab_bytes);
    slot.shared->budget.large_blocks.reset(slots ? options_.max_buffers / 2 : 0);

    arena::ArenaSettings settings;
    settings.budget = &budget_;
    settings.pool = this;
    settings.index = index;
    settings.huge_pages = options_.huge_pages;
    settings.movable = options_.movable;
    settings.range_bytes = settings_.range_bytes;
    settings.max_credits = options_.max_buffers;
    settings.credits_bound = !options_.max_idle_bytes;
    if (options_.idle_decay) settings.decays = &DecayThread::possible();
    if (placement.kind() == Placement::Kind::kNode) {
        settings.home = arena::PageHome::on_node(placement.node());
    } else if (placement.kind() == Placement::Kind::kInterleave) {
        const InterleaveSet& set = interleave_set(placement.interleave_set());
        settings.home = arena::PageHome::dealt(set.nodes, set.round());
    }
    // With one node the kernel has no choice to be told about.
    settings.asks_home = options_.bind != BindMode::kNone && !single_arena_;
    auto* arena = new (std::nothrow) arena::NodeArena(settings);
    if (arena == nullptr) return nullptr;
    bool spare_ready = false;
    caches_.with_spare(
        [&](cache::ThreadCache& spare) { spare_ready = spare.add(index, *arena, *slot.shared) != nullptr; });
    if (!spare_ready) {
        delete arena;
        return nullptr;
    }
    slot.arena.store(arena, std::memory_order_release);
    return arena;
}

void PoolCore::release() noexcept {
    close();
    PoolRegistry::release(*this);
}

void PoolCore::close() noexcept {
    {
        const std::lock_guard lock(growth_mutex_);
        closed_.store(true, std::memory_order_relaxed);
        set_short_ways();
    }
    trim(0, EvictionCause::kTrim);
}

bool PoolCore::drain_large(std::uint32_t index) noexcept {
    bool lapsed = false;
    caches_.for_each([&](cache::ThreadCache& cache) {
        if (cache::ArenaCache* found = cache.find(index); found != nullptr) lapsed |= found->steal_large();
    });
    return lapsed;
}

std::size_t PoolCore::release_idle(std::size_t bytes, EvictionCause cause) noexcept {
    std::size_t given = 0;
    const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
    caches_.empty_waiting(false);
    release_all_fenced();
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        if (given >= bytes) return;
        if (drain_large(index)) arena.release_lapsed();
        arenas_[index].shared->empty(arena, false);
        for (std::uint32_t c = 0; c < base::kSizeClasses; ++c) arena.bin(c).retire_empty(arena, now, 0);
        given += arena.release_idle(bytes - given, arena::ReleaseScope::kAll, cause);
    });
    return given;
}

bool PoolCore::all_back() noexcept {
    bool all = true;
    std::size_t kept = 0;
    std::size_t large = 0;
    release_all_fenced();
    // First: what a thread evicts meanwhile is still on its way.
    for_each_arena([&](std::uint32_t, arena::NodeArena& arena) { large += arena.large_blocks(); });
    caches_.for_each([&](cache::ThreadCache& thread) {
        for (std::uint32_t index = 0; index < cache::kMaxArenas; ++index) {
            cache::ArenaCache* found = thread.find(index);
            if (found == nullptr) continue;
            found->flush_magazines();
            kept += found->large().filled();
        }
    });
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        arenas_[index].shared->empty(arena, false);
        for (std::uint32_t c = 0; c < base::kSizeClasses; ++c) all &= arena.bin(c).used() == 0;
    });
    return all && large <= kept;
}

std::size_t PoolCore::trim(std::size_t keep_bytes, EvictionCause cause) noexcept {
    // What the threads kept may be more than max_buffers, and goes for that cause.
    const std::uint64_t before = arena::NodeArena::given_back_by_thread();
    if (cache::ThreadCache* mine = cache::find_cache(slot_, id_); mine != nullptr)
        cache::CacheList::empty(*mine);
    const std::size_t committed = budget_.committed();
    const std::size_t live = live_bytes();
    const std::size_t idle = committed > live ? committed - live : 0;
    if (idle > keep_bytes) release_idle(idle - keep_bytes, cause);
    return arena::NodeArena::given_back_by_thread() - before;
}

bool PoolCore::decay(std::uint32_t now_ms, std::uint32_t tick_ms) noexcept {
    look_at_cpuset();
    call_for_sample();
    const auto decay_ms = static_cast<std::uint32_t>(options_.idle_decay->count());
    bool left = caches_.empty_waiting(true);
    left |= decay_fenced(now_ms, decay_ms);
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        caches_.for_each([&](cache::ThreadCache& thread) {
            cache::ArenaCache* found = thread.find(index);
            if (found == nullptr || found->large().filled() == 0) return;
            // Blocks that passed no one's hands for half the time start to age in the arena.
            const std::uint64_t seen = found->figures.large_frees.get();
            if (seen != found->large_seen_by_decay) {
                found->large_seen_by_decay = seen;
                found->large_seen_at_ms = now_ms;
            } else if (now_ms - found->large_seen_at_ms >= decay_ms / 2) {
                static_cast<void>(found->steal_large());
                if (found->large().filled() != 0) return;  // in use again, or out of reach for good
            }
            left = true;
        });
        left |= arenas_[index].shared->empty(arena, true);
        left |= arena.decay(now_ms, tick_ms, decay_ms);
    });
    return left;
}

std::vector<int> PoolCore::nodes() const {
    std::vector<int> result;
    for (int node = 0; node < os::NodeMask::kMaxNodes; ++node) {
        if (arena_of_memory_[static_cast<std::size_t>(node)] >= 0) result.push_back(node);
    }
    return result;
}

std::size_t PoolCore::resident_bytes() noexcept {
    std::size_t bytes = 0;
    for_each_arena([&](std::uint32_t, arena::NodeArena& arena) { bytes += arena.resident_bytes(); });
    return bytes;
}

void PoolCore::lock_all() noexcept {
    initialize_mutex_.lock();
    growth_mutex_.lock();
    caches_.lock_all();
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        for (cache::Depot& depot : arenas_[index].shared->depots) depot.mutex().lock();
        arena.lock_all();
    });
    fenced_.lock();
}

void PoolCore::forget_other_threads() noexcept {
    caches_.for_each_unlocked([](cache::ThreadCache& cache) {
        for (auto& entry : cache.arenas) {
            cache::ArenaCache* found = entry.load(std::memory_order_relaxed);
            if (found != nullptr) found->large().forget_owner();
        }
    });
}

void PoolCore::unlock_all() noexcept {
    fenced_.unlock();
    for_each_arena([&](std::uint32_t index, arena::NodeArena& arena) {
        arena.unlock_all();
        for (cache::Depot& depot : arenas_[index].shared->depots) depot.mutex().unlock();
    });
    caches_.unlock_all();
    growth_mutex_.unlock();
    initialize_mutex_.unlock();
}

}  // namespace numapool::detail
