// Owns: which block sizes there are below the large tier, and in what slabs they come.
// Must not know: memory.
//
// Sizes up to 1 KiB go in steps of 64 bytes, the alignment of every block; from there each doubling has eight
// classes, so a block is at most 12.5% larger than the request (the spacing of jemalloc and mimalloc, twice
// as fine).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "numapool/statistics.h"

#include "base/bits.h"

namespace numapool::base {

inline constexpr std::size_t kSliceBytes = std::size_t{64} << 10;  ///< unit of the page heap
inline constexpr std::size_t kGranuleBytes = std::size_t{2}
                                             << 20;  ///< unit of giving memory back; a huge page
inline constexpr std::size_t kSlicesPerGranule = kGranuleBytes / kSliceBytes;
inline constexpr std::size_t kMaxSlabBlockBytes = std::size_t{1}
                                                  << 20;  ///< the largest small or medium block

inline constexpr std::size_t kLinearStep = 64;
inline constexpr std::size_t kLinearBytes = 1024;  ///< up to here sizes go in such steps
inline constexpr std::uint32_t kLinearClasses = kLinearBytes / kLinearStep;
inline constexpr std::uint32_t kSizeClasses = kLinearClasses + 8 * 10;

/// The class whose blocks hold `bytes`, more than kLinearBytes and up to kMaxSlabBlockBytes.
constexpr std::uint32_t geometric_class(std::size_t bytes) noexcept {
    const std::size_t last = bytes - 1;
    const unsigned doubling = floor_log2(last);
    // The highest bit and the three below it make 8 to 15.
    return kLinearClasses - 8 + (doubling - 10) * 8 + static_cast<std::uint32_t>(last >> (doubling - 3));
}

/// The class whose blocks hold `bytes`, 0 to kMaxSlabBlockBytes.
constexpr std::uint32_t size_class(std::size_t bytes) noexcept {
    if (bytes > kLinearBytes) return geometric_class(bytes);
    return bytes == 0 ? 0 : static_cast<std::uint32_t>((bytes - 1) / kLinearStep);
}

constexpr std::size_t class_bytes(std::uint32_t size_class) noexcept {
    if (size_class < kLinearClasses) return (std::size_t{size_class} + 1) << 6;
    const std::uint32_t index = size_class - kLinearClasses;
    return std::size_t{9 + index % 8} << (index / 8 + 10 - 3);
}

/// The tier of a block of `bytes` bytes.
constexpr Tier tier_of(std::size_t bytes) noexcept {
    return bytes < 1024 ? Tier::kSmall : bytes <= kMaxSlabBlockBytes ? Tier::kMedium : Tier::kLarge;
}

/// What a class's blocks and slabs look like.
struct ClassShape {
    std::uint32_t block_bytes;
    std::uint32_t blocks;      ///< in one slab
    std::uint32_t slices;      ///< of one slab
    std::uint64_t reciprocal;  ///< ceil(2^64 / block_bytes); see block_position
};

constexpr ClassShape class_shape(std::uint32_t size_class) noexcept {
    const std::size_t block = class_bytes(size_class);
    // Few slices keep slabs easy to empty; at least eight blocks (four of the largest) keep the tail's waste
    // small.
    const std::size_t wanted = block > (std::size_t{128} << 10) ? 4 : 8;
    std::size_t slices = align_up(block * wanted, kSliceBytes) / kSliceBytes;
    if (block <= 8192) slices = 1;
    return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(slices * kSliceBytes / block),
            static_cast<std::uint32_t>(slices), ~std::uint64_t{0} / block + 1};
}

struct BlockPosition {
    /// Which of a slab's blocks an offset lies in; ClassShape::blocks for what is left behind the last.
    std::uint32_t index;
    bool starts;  ///< whether it starts there
};

/// Exact for all offsets in slabs of up to 4 MiB. The product's upper half is the quotient, and its lower
/// half is below the reciprocal just where the division leaves no remainder (Lemire, Kaser, Kurz: Faster
/// remainder by direct computation, 2019).
constexpr BlockPosition block_position(const ClassShape& shape, std::size_t offset) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(offset) * shape.reciprocal;
    return {static_cast<std::uint32_t>(product >> 64),
            static_cast<std::uint64_t>(product) < shape.reciprocal};
}

constexpr std::uint32_t block_index(const ClassShape& shape, std::size_t offset) noexcept {
    return block_position(shape, offset).index;
}

inline constexpr std::array<ClassShape, kSizeClasses> kClassShapes = [] {
    std::array<ClassShape, kSizeClasses> shapes{};
    for (std::uint32_t i = 0; i < kSizeClasses; ++i) shapes[i] = class_shape(i);
    return shapes;
}();

}  // namespace numapool::base
