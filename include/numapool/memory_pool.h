// Owns: the pool as C++ users see it.
// Must not know: arenas, caches or system calls; they are behind PoolCore.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "numapool/array.h"
#include "numapool/buffer.h"
#include "numapool/errors.h"
#include "numapool/export.h"
#include "numapool/options.h"
#include "numapool/statistics.h"

namespace numapool {

namespace detail {
class PoolCore;
}

/// What a pool knows about one of its live blocks.
struct BlockInfo {
    std::size_t bytes = 0;  ///< of the block, at least what was asked for
    Placement placement;    ///< the node, or the set of nodes, that it belongs to
    Tier tier = Tier::kSmall;
    /// false: a block that has to be looked at when it is returned: a large one of new memory, for where its
    /// pages lie, or one that is watched for misuse.
    bool settled = true;
};

/// A NUMA-aware pool of memory blocks.
///
/// A returned block is handed out again without a system call or a page fault, always on the node that it
/// came from. Blocks are aligned to 64 bytes at least. Live blocks outlive the pool: their memory stays until
/// the last is back.
///
/// Thread safety: all functions may be called from any thread at any time, except that the pool must not be
/// destroyed while another thread is in one of them. A forked child may use its copy of the pool. The threads
/// that the library starts take no signals.
///
/// Signal handlers: none of this is async-signal-safe, and a handler must not use a pool. A request or a
/// return of a handler that interrupted its thread while it held one of the library's locks does not wait for
/// that lock: it is refused (kInterrupted), and a block whose return is refused stays live. But a handler
/// that interrupts the few instructions of a request or a return may be handed the block that its thread is
/// about to have.
class NUMAPOOL_API MemoryPool {
public:
    /// Makes a pool; costs no memory before the first allocation or initialize().
    /// Throws ArgumentError (kInvalidOption) for an option, or environment variable, outside its range.
    explicit MemoryPool(const PoolOptions& options = {});
    MemoryPool(const MemoryPool&) = delete;
    MemoryPool& operator=(const MemoryPool&) = delete;
    /// close().
    ~MemoryPool();

    /// Reserves the address ranges now and, if `reserve_bytes` > 0, commits and faults in idle memory until
    /// every allowed node has that many bytes (one arena in all unless numa_aware): all nodes at the same
    /// time, large amounts from several threads on the node's CPUs, which end before this returns. Optional;
    /// later calls only add what is missing, and from many threads at once it is added once.
    /// Throws OutOfMemoryError (max_bytes, the system, or foreseen: the control group's or the machine's
    /// memory would not suffice), PlacementError (a strict pool), ArgumentError (kInvalidSize), ClosedError;
    /// then nothing of what this call added stays.
    void initialize(std::size_t reserve_bytes = 0);

    /// Returns a block of `bytes` bytes (0 gives a block of the smallest size).
    /// Throws ArgumentError (size, alignment, node), OutOfMemoryError (limit or system), PlacementError,
    /// ClosedError.
    [[nodiscard]] void* allocate(std::size_t bytes, const Request& request);
    /// The same for a default Request, and the shortest way to a block.
    [[nodiscard]] void* allocate(std::size_t bytes);
    /// The same, but a failure is a null pointer, and its reason is written to `why` if that is given.
    [[nodiscard]] void* try_allocate(std::size_t bytes, const Request& request = {},
                                     ErrorCode* why = nullptr) noexcept;
    /// Returns a block of this pool. Null is ignored. Also works on a closed pool.
    /// Throws ArgumentError (kForeignPointer, kInteriorPointer, kAlreadyReturned, kWrongPool); then nothing
    /// changes. What is detected, and until when, is said at return_block.
    void deallocate(void* block);
    /// The same, but a failure is a code.
    [[nodiscard]] ErrorCode try_deallocate(void* block) noexcept;

    /// A block that returns itself; for 0 bytes an empty Buffer without a block, which is not counted.
    /// Throws as allocate does.
    [[nodiscard]] Buffer get_buffer(std::size_t bytes, const Request& request = {}) {
        return bytes == 0 ? Buffer() : Buffer(allocate(bytes, request), bytes);
    }
    /// Returns a buffer of this pool now; an empty one is ignored. Throws as deallocate does. After
    /// kWrongPool `buffer` keeps its block; after any other error it is emptied, since it does not own one.
    void return_buffer(Buffer&& buffer);
    /// An array of T that returns itself; zero elements need no block. Throws as allocate does.
    template <class T>
    [[nodiscard]] Array<T> get_array(const Shape& shape, Request request = {}) {
        if (request.alignment < alignof(T)) request.alignment = alignof(T);
        return Array<T>(get_buffer(shape.bytes(sizeof(T)), request), shape);
    }

    /// Returns an array's block now, by the same rules.
    template <class T>
    void return_array(Array<T>&& array) {
        const Shape shape = array.shape();
        Buffer buffer = array.release();
        try {
            return_buffer(std::move(buffer));
        } catch (...) {
            if (buffer) array = Array<T>(std::move(buffer), shape);
            throw;
        }
    }

    /// Where a request for `placement` would be served from at this moment: a node, or a set of nodes.
    /// Nothing for a node that the pool has no memory of. The current node is read anew; costs nanoseconds.
    std::optional<Placement> resolve(const Placement& placement) const noexcept;

    /// Whether the process may still use every node that it could when the pool was made (its cpuset may
    /// shrink). Tells what the pool noticed last: it looks when it takes new memory, and in get_statistics().
    bool all_nodes_allowed() const noexcept;

    /// Whether the next request will be served with a block that is watched for misuse (NUMAPOOL_CHECK): who
    /// hands blocks on by itself should ask for a new one instead.
    bool watches_next() const noexcept;

    /// What is known of a live block of this pool; nothing for any other pointer. Reads the first word of a
    /// small or medium block: its holder must not write to it at the same time.
    std::optional<BlockInfo> find_block(const void* block) const noexcept;
    /// The same of a block that the caller holds: it is not asked whether it is live, and not touched.
    std::optional<BlockInfo> find_held_block(const void* block) const noexcept;

    /// The pool's figures; works on a closed pool too. Costs microseconds, and more with many threads.
    Statistics get_statistics() const;
    /// Bytes of the pool's ranges that are in physical memory now, asked of the kernel page by page.
    std::size_t resident_bytes() const;
    /// Looks up on which node every page of the pool lies, live and idle, and compares with where it should;
    /// one entry for each node's memory, interleaved ones last. Costs about 0.1 microseconds a page.
    std::vector<PlacementCheck> verify_placement() const;
    /// Gives idle memory back to the system until at most `keep_bytes` of it are left, the longest idle
    /// first, and returns the bytes given back. The few small and medium blocks that other threads keep ready
    /// stay with them.
    std::size_t trim(std::size_t keep_bytes = 0);

    /// Refuses further allocations (ClosedError) and gives idle memory back; live blocks stay valid.
    /// Idempotent.
    void close() noexcept;
    bool closed() const noexcept;
    /// The options in force, the environment's included; valid while the pool is.
    const PoolOptions& options() const noexcept;

private:
    detail::PoolCore* core_;
};

}  // namespace numapool
