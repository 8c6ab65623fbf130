// Owns: the calls behind virtual_memory.h.
// Must not know: blocks, pools, nodes.
#include "os/virtual_memory.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "base/bits.h"
#include "os/system_calls.h"
#include "os/text_file.h"

namespace numapool::os {
namespace {

#ifndef MADV_POPULATE_WRITE
constexpr int MADV_POPULATE_WRITE = 23;
#endif

void* pointer(std::uintptr_t address) noexcept { return reinterpret_cast<void*>(address); }

int advise(std::uintptr_t address, std::size_t bytes, int advice) noexcept {
    // EAGAIN is the kernel's word for "at the moment"; a bounded number of tries keeps the call bounded.
    for (int tries = 0; tries < 8; ++tries) {
        if (counted_calls().advise(pointer(address), bytes, advice) == 0) return 0;
        if (errno != EAGAIN && errno != EINTR) return errno;
    }
    return EAGAIN;
}

/// Reserves addresses, from `hint` on where those are free; 0 if the system refuses.
std::uintptr_t reserve_at(std::uintptr_t hint, std::size_t bytes) noexcept {
    // Without MAP_NORESERVE: inaccessible memory is not counted, and commit() then meets the system's own
    // overcommit rule, which refuses what could never be backed.
    void* mapped = counted_calls().map(pointer(hint), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    return mapped == MAP_FAILED ? 0 : reinterpret_cast<std::uintptr_t>(mapped);
}

/// For a process whose last addresses the padding would be. The system maps downwards: where it put the
/// bytes, those from the multiple below are most likely free.
std::uintptr_t reserve_without_padding(std::size_t bytes, std::size_t alignment) noexcept {
    std::uintptr_t hint = 0;
    for (int tries = 0; tries < 2; ++tries) {
        const std::uintptr_t start = reserve_at(hint, bytes);
        if (start == 0) return 0;
        hint = base::align_down(start, alignment);
        if (hint == start) return start;
        release(start, bytes);
    }
    errno = ENOMEM;
    return 0;
}

}  // namespace

std::size_t page_bytes() noexcept {
    // Relaxed: guards nothing. No static that is made by the first call: a fork could catch it half-way.
    static constinit std::atomic<std::size_t> known{0};
    std::size_t bytes = known.load(std::memory_order_relaxed);
    if (bytes == 0) {
        bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        known.store(bytes, std::memory_order_relaxed);
    }
    return bytes;
}

std::size_t memory_bytes() noexcept {
    struct sysinfo info{};
    if (::sysinfo(&info) != 0) return ~std::size_t{0};
    return (std::size_t{info.totalram} + info.totalswap) * info.mem_unit;
}

std::uintptr_t reserve(std::size_t bytes, std::size_t alignment) noexcept {
    std::size_t padded = 0;
    if (__builtin_add_overflow(bytes, alignment, &padded)) return 0;
    const std::uintptr_t start = reserve_at(0, padded);
    if (start == 0) return reserve_without_padding(bytes, alignment);
    const std::uintptr_t aligned = base::align_up(start, alignment);
    if (aligned != start) release(start, aligned - start);
    const std::uintptr_t end = aligned + bytes;
    if (end != start + padded) release(end, start + padded - end);
    return aligned;
}

void* reserve_zeros(std::size_t bytes) noexcept {
    void* mapped = counted_calls().map(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    return mapped == MAP_FAILED ? nullptr : mapped;
}

int release(std::uintptr_t address, std::size_t bytes) noexcept {
    return counted_calls().unmap(pointer(address), bytes) == 0 ? 0 : errno;
}

int commit(std::uintptr_t address, std::size_t bytes) noexcept {
    return counted_calls().protect(pointer(address), bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : errno;
}

int forbid(std::uintptr_t address, std::size_t bytes) noexcept {
    return counted_calls().protect(pointer(address), bytes, PROT_NONE) == 0 ? 0 : errno;
}

int decommit(std::uintptr_t address, std::size_t bytes) noexcept {
    return advise(address, bytes, MADV_DONTNEED);
}

int populate(std::uintptr_t address, std::size_t bytes) noexcept {
    const int error = advise(address, bytes, MADV_POPULATE_WRITE);
    if (error != EINVAL) return error;
    for (std::size_t offset = 0; offset < bytes; offset += page_bytes()) {
        // An atomic addition of nothing is a write fault that changes no byte, whoever else writes there.
        __atomic_fetch_add(reinterpret_cast<char*>(address + offset), 0, __ATOMIC_RELAXED);
    }
    return 0;
}

int advise_huge_pages(std::uintptr_t address, std::size_t bytes, bool wanted) noexcept {
    return advise(address, bytes, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

std::size_t resident_bytes(std::uintptr_t address, std::size_t bytes) noexcept {
    std::array<unsigned char, 4096> pages{};
    const std::size_t step = pages.size() * page_bytes();
    std::size_t resident = 0;
    for (std::size_t offset = 0; offset < bytes; offset += step) {
        const std::size_t part = std::min(step, bytes - offset);
        if (counted_calls().resident(pointer(address + offset), part, pages.data()) != 0) continue;
        const auto end = pages.begin() + static_cast<std::ptrdiff_t>(part / page_bytes());
        resident += static_cast<std::size_t>(
            std::count_if(pages.begin(), end, [](unsigned char p) { return p & 1; }));
    }
    return resident * page_bytes();
}

std::size_t mapping_share() noexcept {
    constexpr std::size_t kUsualMappings = 65530;  // the kernel's default, for where /proc cannot be read
    // As in page_bytes().
    static constinit std::atomic<std::size_t> known{0};
    std::size_t share = known.load(std::memory_order_relaxed);
    if (share == 0) {
        share = read_number("/proc/sys/vm/max_map_count").value_or(kUsualMappings) / 4;
        known.store(share, std::memory_order_relaxed);
    }
    return share;
}

void* map_records(std::size_t bytes) noexcept {
    void* mapped = counted_calls().map(nullptr, base::align_up(bytes, page_bytes()), PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    return mapped == MAP_FAILED ? nullptr : mapped;
}

std::uint64_t coarse_milliseconds() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace numapool::os
