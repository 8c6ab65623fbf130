// Owns: the answer to "on which node does each page lie?".
// Must not know: pools; any address may be asked for.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>

#include "numapool/array.h"
#include "numapool/buffer.h"
#include "numapool/export.h"

namespace numapool {

/// How it is known where pages lie.
enum class Evidence {
    kNone,      ///< of some pages it is not known
    kMappings,  ///< of some pages it follows from what the kernel counts for the whole mapping that they are
                ///< in
    kPages,     ///< the kernel told it of every single page
};

/// "unverified", "by mapping" or "verified".
NUMAPOOL_API const char* to_string(Evidence evidence) noexcept;

/// Where the pages of an address range lie.
struct PageMap {
    std::map<int, std::uint64_t> pages_on;  ///< node id -> pages that lie there
    std::uint64_t absent = 0;               ///< pages without memory behind them yet
    std::uint64_t unknown = 0;              ///< pages of which it is not known
    std::size_t page_bytes = 0;             ///< of one page; a huge page counts as the many that it is
    Evidence evidence = Evidence::kNone;    ///< the weakest that any of the pages rests on

    std::uint64_t total() const noexcept {
        std::uint64_t sum = absent + unknown;
        for (const auto& entry : pages_on) sum += entry.second;
        return sum;
    }
};

/// Any bytes of this process.
struct ByteRange {
    const void* address = nullptr;
    std::size_t bytes = 0;
};

/// Looks up every page that [address, address + bytes) overlaps; none for 0 bytes. Faults no memory in.
/// Unmapped, swapped-out and shared zero pages count as absent.
///
/// Asks move_pages; where that is refused (seccomp), get_mempolicy for each page that this process has;
/// where that is refused too, concludes what it can from /proc/self/numa_maps. The rest is unknown: nothing
/// is guessed. By get_mempolicy a page that was only ever read may be told to lie where the kernel's page of
/// zeros lies.
///
/// Throws ArgumentError (kInvalidSize) if the range passes the end of the address space. Thread safety: any
/// thread; pages that other threads move or give back meanwhile may be told as they were. Costs about 0.1
/// microseconds a page.
NUMAPOOL_API PageMap where(const void* address, std::size_t bytes);
/// The same over several ranges, which may overlap and come in any order; no page counts twice.
NUMAPOOL_API PageMap where(std::span<const ByteRange> ranges);
inline PageMap where(const Buffer& buffer) { return where(buffer.data(), buffer.size()); }
template <class T>
PageMap where(const Array<T>& array) {
    return where(array.data(), array.size() * sizeof(T));
}
template <class T, std::size_t kExtent>
    requires(!std::same_as<std::remove_cv_t<T>, ByteRange>)
PageMap where(std::span<T, kExtent> items) {
    return where(items.data(), items.size_bytes());
}

/// For instance "{1: 4883 pages} verified"; absent and unknown pages are named when there are any. "{}" for
/// no pages.
NUMAPOOL_API std::string to_string(const PageMap& map);

}  // namespace numapool
