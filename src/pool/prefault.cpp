// Owns: prefaulting a pool: all nodes at once, and all that is asked for or nothing.
// Must not know: how threads share the work; exceptions.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <string>

#include "os/virtual_memory.h"
#include "pool/decay_thread.h"
#include "pool/failure_message.h"
#include "pool/pool_core.h"
#include "pool/populate_crew.h"
#include "pressure/memory_limit.h"
#include "topology/node_files.h"

namespace numapool::detail {
namespace {

constexpr std::uint64_t kNotTold = std::numeric_limits<std::uint64_t>::max();

/// What the nodes have that the process's cpuset allows it.
std::uint64_t allowed_nodes_bytes(const std::string& files_root) {
    std::uint64_t all = 0;
    const auto nodes = topology::read_allowed_nodes(files_root);
    for (const int node : nodes.value_or(std::vector<int>{})) {
        // Numbers that no node has are allowed as a rule.
        if (const auto memory = topology::read_node_memory(files_root, node)) all += memory->available_bytes;
    }
    return all == 0 ? kNotTold : all;
}

/// Bytes that this process can touch before the kernel would have to swap or kill.
std::uint64_t available_bytes(const std::string& files_root) noexcept {
    std::uint64_t least = kNotTold;
    try {
        least = allowed_nodes_bytes(files_root);
        if (const auto machine = topology::read_machine_memory(files_root))
            least = std::min(least, machine->available_bytes);
        if (const auto room = pressure::read_memory_limit(files_root).room_bytes)
            least = std::min(least, *room);
    } catch (const std::bad_alloc&) {
        // Then the attempt will tell.
    }
    return least;
}

std::uint64_t available_bytes(const std::string& files_root, int node) noexcept {
    const auto memory = topology::read_node_memory(files_root, node);
    return memory ? memory->available_bytes : kNotTold;
}

/// With the page tables, an entry of 8 bytes for each page at worst.
std::size_t with_page_tables(std::size_t bytes) noexcept { return bytes + bytes / os::page_bytes() * 8; }

base::Failure not_placed(int error, std::size_t bytes, PlacementFailure why) noexcept {
    return {ErrorCode::kPlacementFailed, error, bytes, static_cast<std::size_t>(why)};
}

}  // namespace

base::Result<bool> PoolCore::initialize(std::size_t reserve_bytes) noexcept {
    if (closed()) return base::Failure{ErrorCode::kClosed};
    if (settings_.disabled) return true;
    if (reserve_bytes > kMostBytes)
        return base::Failure{ErrorCode::kInvalidSize, 0, reserve_bytes, kMostBytes};
    const std::lock_guard lock(initialize_mutex_);
    for (std::uint32_t index = 0; index < node_arenas_; ++index) {
        if (auto ready = arena_at(index)->initialize(); !ready) return ready;
    }
    if (reserve_bytes == 0) return true;
    std::array<arena::Run, cache::kMaxNodeArenas> runs{};
    base::Result<bool> done = true;
    for (std::uint32_t index = 0; index < node_arenas_ && done; ++index) {
        arena::NodeArena& arena = *arena_at(index);
        if (drain_large(index)) arena.release_lapsed();  // what threads keep ready is idle memory too
        auto run = arena.begin_prefault(reserve_bytes);
        if (run) {
            runs[index] = *run;
        } else {
            done = run.failure();
        }
    }
    if (done) done = fault_in(runs);
    for (std::uint32_t index = 0; index < node_arenas_; ++index) {
        if (runs[index].slices != 0) arena_at(index)->finish_prefault(runs[index], done.ok());
    }
    if (closed()) trim(0, EvictionCause::kTrim);  // meanwhile: no one else will give it back
    if (options_.idle_decay) DecayThread::wake();
    return done;
}

base::Result<bool> PoolCore::fault_in(std::span<const arena::Run> runs) noexcept {
    std::size_t bytes = 0;
    for (const arena::Run& run : runs) bytes += run.bytes();
    if (bytes == 0) return true;
    const std::uint64_t available = available_bytes(settings_.files_root);
    if (with_page_tables(bytes) > available)
        return base::Failure{ErrorCode::kOutOfMemory, 0, bytes, static_cast<std::size_t>(available)};
    const bool strict = options_.bind == BindMode::kStrict && options_.numa_aware;
    std::array<PopulatePart, cache::kMaxNodeArenas> parts;
    std::size_t count = 0;
    for (std::uint32_t index = 0; index < node_arenas_; ++index) {
        const arena::Run& run = runs[index];
        if (run.slices == 0) continue;
        const int refused = strict ? arena_at(index)->policy_error() : 0;
        if (refused != 0) return not_placed(refused, run.bytes(), PlacementFailure::kRefused);
        if (strict && run.bytes() > available_bytes(settings_.files_root, arenas_[index].placement.node()))
            return not_placed(0, run.bytes(), PlacementFailure::kNoMemory);
        describe(parts[count++], index, run.address(), run.bytes());
    }
    if (auto there = populate_parts({parts.data(), count}); !there) return there;
    for (std::uint32_t index = 0; index < node_arenas_ && strict; ++index) {
        if (runs[index].slices == 0) continue;
        const arena::PageCheck check =
            arena_at(index)->check_pages(runs[index].address(), runs[index].bytes(), !single_arena_);
        if (auto home = all_home(check, runs[index].bytes()); !home) return home;
    }
    return true;
}

}  // namespace numapool::detail
