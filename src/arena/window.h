// Owns: finding the record of an address by arithmetic alone.
// Must not know: what is recorded.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace numapool::arena {

/// Where the records for a stretch of addresses are, one for each unit.
template <class Record>
struct Window {
    std::uintptr_t base = 0;
    std::size_t units = 0;  ///< none, and no address is inside
    Record* records = nullptr;

    /// The unit that starts at `address`, `units` or more if none does: rotated, a remainder makes a number
    /// beyond all units.
    template <unsigned kUnitShift>
    constexpr std::size_t unit_at(std::uintptr_t address) const noexcept {
        return std::rotr(address - base, kUnitShift);
    }
};

}  // namespace numapool::arena
