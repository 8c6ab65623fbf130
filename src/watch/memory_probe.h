// Owns: trying how much address space there is, and whether a huge page comes when asked for.
// Must not know: what the outcomes mean to a pool or a user.
#pragma once

#include <cstddef>
#include <optional>

namespace numapool::watch {

struct MemoryProbe {
    std::size_t wanted_bytes = 0;  ///< of addresses, as a pool reserves them at a time
    std::size_t reserved_bytes =
        0;  ///< what could be had, after halving as often as it was refused; 0: nothing
    std::optional<int> huge_advice;  ///< an errno or 0; nothing where it was not tried
    /// Page faults that it took to write to all of a block of one huge page: 1 if a huge page came; -1 if
    /// unknown.
    long huge_faults = -1;
};

/// `huge_page_bytes` is that of a transparent huge page, 0 for none. Everything is given back before it
/// returns. Does not throw.
MemoryProbe probe_memory(std::size_t huge_page_bytes) noexcept;

}  // namespace numapool::watch
