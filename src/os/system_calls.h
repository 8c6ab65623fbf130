// Owns: the table of memory system calls that everything else goes through, and the count of calls made.
// Must not know: why a call is made.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace numapool::os {

/// The memory system calls, each with the C library's contract (-1 or MAP_FAILED, and errno). Tests put a
/// table of their own in place to refuse calls or to play a machine with more nodes.
struct SystemCalls {
    void* (*map)(void* address, std::size_t bytes, int protection, int flags);
    int (*unmap)(void* address, std::size_t bytes);
    int (*protect)(void* address, std::size_t bytes, int protection);
    int (*advise)(void* address, std::size_t bytes, int advice);
    int (*resident)(void* address, std::size_t bytes, unsigned char* pages);
    /// Moves pages to `to`, replacing what is mapped there, and leaves the old addresses mapped and empty.
    void* (*remap)(void* from, std::size_t bytes, void* to);
    long (*bind)(void* address, std::size_t bytes, int mode, const unsigned long* mask, unsigned long bits,
                 unsigned flags);
    long (*set_policy)(int mode, const unsigned long* mask, unsigned long bits);
    long (*get_policy)(int* mode, unsigned long* mask, unsigned long bits, void* address,
                       unsigned long flags);
    long (*locate)(unsigned long pages, void** addresses, int* nodes);
    int (*node_of_cpu)();  ///< the current NUMA node; no system call where the kernel offers it in user space
};

/// Where in a thread's own storage the kernel keeps the thread's current node; 0 where it does not (before
/// Linux 6.3) and while a table of a test is in use.
extern std::atomic<std::ptrdiff_t> rseq_node_offset;

/// The kernel's own calls.
extern const SystemCalls kKernelCalls;

/// The table in use, kKernelCalls unless a test has replaced it.
const SystemCalls& system_calls() noexcept;

/// For tests only; `calls` must outlive its use. nullptr brings back kKernelCalls. Not while other threads
/// use a pool.
void replace_system_calls(const SystemCalls* calls) noexcept;

/// Memory system calls made by this process through this library so far; node_of_cpu is not one.
std::uint64_t system_call_count() noexcept;

/// Counts a call and returns the table: `counted_calls().advise(...)`.
const SystemCalls& counted_calls() noexcept;

}  // namespace numapool::os
