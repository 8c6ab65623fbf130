// Owns: arithmetic on powers of two and addresses.
// Must not know: what the numbers mean.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace numapool::base {

constexpr bool is_power_of_two(std::size_t value) noexcept { return std::has_single_bit(value); }

/// Rounds up to a multiple of `unit`, a power of two. The caller keeps it from overflowing.
constexpr std::size_t align_up(std::size_t value, std::size_t unit) noexcept {
    return (value + unit - 1) & ~(unit - 1);
}

constexpr std::size_t align_down(std::size_t value, std::size_t unit) noexcept { return value & ~(unit - 1); }

/// The position of the highest set bit; `value` must not be 0.
constexpr unsigned floor_log2(std::size_t value) noexcept {
    // Not bit_width - 1: compilers make one instruction of this.
    return 63U ^ static_cast<unsigned>(std::countl_zero(std::uint64_t{value}));
}

}  // namespace numapool::base
