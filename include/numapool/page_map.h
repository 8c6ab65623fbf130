// Owns: the answer to "on which node does each page lie?".
// Must not know: pools; any address may be asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "numapool/buffer.h"
#include "numapool/export.h"

namespace numapool {

/// Where the pages of an address range lie.
struct PageMap {
    std::map<int, std::uint64_t> pages_on;  ///< node id -> pages that the kernel says lie there
    std::uint64_t absent = 0;               ///< pages without memory behind them yet
    std::uint64_t unknown = 0;              ///< pages that the kernel would not tell about
    std::size_t page_bytes = 0;             ///< of one page; a huge page counts as the many that it is

    std::uint64_t total() const noexcept {
        std::uint64_t sum = absent + unknown;
        for (const auto& entry : pages_on) sum += entry.second;
        return sum;
    }
};

/// Looks up every page that [address, address + bytes) overlaps; none for 0 bytes. Does not fault pages in.
/// Unmapped, swapped-out and shared zero pages count as absent. Where the system forbids the question
/// (seccomp), pages count as unknown. Throws ArgumentError (kInvalidSize) if the range passes the end of the
/// address space. Thread safety: any thread. Costs about 0.1 microseconds a page.
NUMAPOOL_API PageMap where(const void* address, std::size_t bytes);
inline PageMap where(const Buffer& buffer) { return where(buffer.data(), buffer.size()); }

/// For instance "{1: 4883 pages}"; absent and unknown pages are named when there are any.
NUMAPOOL_API std::string to_string(const PageMap& map);

}  // namespace numapool
