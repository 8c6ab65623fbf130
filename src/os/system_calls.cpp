// Owns: the kernel's side of the table.
// Must not know: who calls.
#include "os/system_calls.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace numapool::os {
namespace {

void* kernel_map(void* address, std::size_t bytes, int protection, int flags) {
    return ::mmap(address, bytes, protection, flags, -1, 0);
}

void* kernel_remap(void* from, std::size_t bytes, void* to) {
    return ::mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
}

long kernel_bind(void* address, std::size_t bytes, int mode, const unsigned long* mask, unsigned long bits,
                 unsigned flags) {
    return ::syscall(SYS_mbind, address, bytes, mode, mask, bits, flags);
}

long kernel_set_policy(int mode, const unsigned long* mask, unsigned long bits) {
    return ::syscall(SYS_set_mempolicy, mode, mask, bits);
}

long kernel_get_policy(int* mode, unsigned long* mask, unsigned long bits, void* address,
                       unsigned long flags) {
    return ::syscall(SYS_get_mempolicy, mode, mask, bits, address, flags);
}

long kernel_locate(unsigned long pages, void** addresses, int* nodes) {
    return ::syscall(SYS_move_pages, 0, pages, addresses, nullptr, nodes, 0);
}

// The kernel publishes the node in the rseq area since 6.3; the area's size tells whether this one does.
constexpr unsigned long kAuxvRseqFeatureSize = 27;
constexpr std::ptrdiff_t kNodeInRseqArea = 20;

std::ptrdiff_t find_rseq_node() noexcept {
    const bool published =
        __rseq_size != 0 && ::getauxval(kAuxvRseqFeatureSize) >= kNodeInRseqArea + sizeof(std::uint32_t);
    return published ? __rseq_offset + kNodeInRseqArea : 0;
}

int kernel_node_of_cpu() {
    unsigned cpu = 0;
    unsigned node = 0;
    return ::getcpu(&cpu, &node) == 0 ? static_cast<int>(node) : 0;
}

std::atomic<const SystemCalls*> current{&kKernelCalls};
std::atomic<std::uint64_t> count{0};

}  // namespace

constexpr SystemCalls kKernelCalls = {kernel_map,        ::munmap,      ::mprotect,        ::madvise,
                                      ::mincore,         kernel_remap,  kernel_bind,       kernel_set_policy,
                                      kernel_get_policy, kernel_locate, kernel_node_of_cpu};

// Zero until this file's constructors have run, which only costs speed.
std::atomic<std::ptrdiff_t> rseq_node_offset{find_rseq_node()};

// Pairs with replace_system_calls, which runs before the threads that use the table start.
const SystemCalls& system_calls() noexcept { return *current.load(std::memory_order_relaxed); }

void replace_system_calls(const SystemCalls* calls) noexcept {
    current.store(calls != nullptr ? calls : &kKernelCalls, std::memory_order_relaxed);
    rseq_node_offset.store(calls != nullptr ? 0 : find_rseq_node(), std::memory_order_relaxed);
}

std::uint64_t system_call_count() noexcept { return count.load(std::memory_order_relaxed); }

const SystemCalls& counted_calls() noexcept {
    count.fetch_add(1, std::memory_order_relaxed);
    return system_calls();
}

}  // namespace numapool::os
