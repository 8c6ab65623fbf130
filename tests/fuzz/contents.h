// Owns: what a holder writes into its block, and looking whether it is still there.
// Must not know: pools.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numapool::fuzz {

/// How much of a block is written and looked at. All three write the first and the last byte.
enum class Cover {
    kEnds,  ///< the first and the last words
    kSome,  ///< and some in between, at the borders of units of memory
    kWhole,
};

/// Each word is the stamp plus its offset, so that pages in the wrong order show.
void write_stamp(void* block, std::size_t bytes, std::uint64_t stamp, Cover cover) noexcept;
bool holds_stamp(const void* block, std::size_t bytes, std::uint64_t stamp, Cover cover) noexcept;
bool reads_zero(const void* block, std::size_t bytes, Cover cover) noexcept;

}  // namespace numapool::fuzz
