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

long kernel_bind(void* address, std::size_t bytes, int mode, const unsigned long* mask, unsigned long bits) {
    return ::syscall(SYS_mbind, address, bytes, mode, mask, bits, 0UL);
}

long kernel_locate(unsigned long pages, void** addresses, int* nodes) {
    return ::syscall(SYS_move_pages, 0, pages, addresses, nullptr, nodes, 0);
}

// The kernel publishes the node in the rseq area since 6.3; the area's size tells whether this one does.
constexpr unsigned long kAuxvRseqFeatureSize = 27;
constexpr std::ptrdiff_t kRseqNodeOffset = 20;

const volatile std::uint32_t* rseq_node() noexcept {
    auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    return reinterpret_cast<const volatile std::uint32_t*>(area + kRseqNodeOffset);
}

bool rseq_has_node() noexcept {
    return __rseq_size != 0 && ::getauxval(kAuxvRseqFeatureSize) >= kRseqNodeOffset + sizeof(std::uint32_t);
}

int kernel_node_of_cpu() {
    static const bool from_rseq = rseq_has_node();
    if (from_rseq) return static_cast<int>(*rseq_node());
    unsigned cpu = 0;
    unsigned node = 0;
    return ::getcpu(&cpu, &node) == 0 ? static_cast<int>(node) : 0;
}

std::atomic<const SystemCalls*> current{&kKernelCalls};
std::atomic<std::uint64_t> count{0};

}  // namespace

constexpr SystemCalls kKernelCalls = {kernel_map, ::munmap,    ::mprotect,    ::madvise,
                                      ::mincore,  kernel_bind, kernel_locate, kernel_node_of_cpu};

// Pairs with replace_system_calls, which runs before the threads that use the table start.
const SystemCalls& system_calls() noexcept { return *current.load(std::memory_order_relaxed); }

void replace_system_calls(const SystemCalls* calls) noexcept {
    current.store(calls != nullptr ? calls : &kKernelCalls, std::memory_order_relaxed);
}

std::uint64_t system_call_count() noexcept { return count.load(std::memory_order_relaxed); }

const SystemCalls& counted_calls() noexcept {
    count.fetch_add(1, std::memory_order_relaxed);
    return system_calls();
}

}  // namespace numapool::os
