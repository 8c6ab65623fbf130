// Owns: trying how much address space there is, and whether a huge page comes when asked for.
// Must not know: what the outcomes mean to a pool or a user.
#include "watch/memory_probe.h"

#include <cstdint>

#include "os/trial_memory.h"
#include "os/virtual_memory.h"

namespace numapool::watch {
namespace {

constexpr std::size_t kWantedBytes = std::size_t{64} << 30;
constexpr std::size_t kLeastBytes = std::size_t{1} << 20;
// With base pages of 64 KiB a huge page is 512 MiB: more than a look around should take.
constexpr std::size_t kLargestTried = std::size_t{16} << 20;

}  // namespace

MemoryProbe probe_memory(std::size_t huge_page_bytes) noexcept {
    MemoryProbe probe;
    probe.wanted_bytes = kWantedBytes;
    for (std::size_t bytes = kWantedBytes; bytes >= kLeastBytes && probe.reserved_bytes == 0; bytes /= 2) {
        const std::uintptr_t address = os::reserve(bytes, os::page_bytes());
        if (address == 0) continue;
        probe.reserved_bytes = bytes;
        os::release(address, bytes);
    }
    if (huge_page_bytes == 0 || huge_page_bytes > kLargestTried || huge_page_bytes % os::page_bytes() != 0)
        return probe;
    os::TrialMemory block(huge_page_bytes, huge_page_bytes);
    if (block.error() != 0) return probe;
    probe.huge_advice = os::advise_huge_pages(block.address(), block.bytes(), true);
    if (*probe.huge_advice == 0) probe.huge_faults = block.touch();
    return probe;
}

}  // namespace numapool::watch
