// Owns: checks of every size, class and offset below the large tier.
// Must not know: memory.
#include "base/size_classes.h"

#include <gtest/gtest.h>

namespace numapool::base {
namespace {

TEST(SizeClasses, EverySizeFitsItsClassAndNoSmallerOne) {
    for (std::size_t bytes = 0; bytes <= kMaxSlabBlockBytes; ++bytes) {
        const std::uint32_t index = size_class(bytes);
        ASSERT_LT(index, kSizeClasses) << bytes;
        ASSERT_GE(class_bytes(index), bytes);
        if (index > 0) {
            ASSERT_LT(class_bytes(index - 1), bytes);
        }
    }
    // One byte more is the large tier's: no class may claim to hold it.
    EXPECT_EQ(class_bytes(kSizeClasses - 1), kMaxSlabBlockBytes);
    EXPECT_GE(size_class(kMaxSlabBlockBytes + 1), kSizeClasses);
}

TEST(SizeClasses, WasteIsAtMostAnEighthAbove512Bytes) {
    for (std::size_t bytes = 513; bytes <= kMaxSlabBlockBytes; ++bytes) {
        const std::size_t block = class_bytes(size_class(bytes));
        ASSERT_LE((block - bytes) * 8, bytes) << bytes << " in " << block;
    }
}

TEST(SizeClasses, GrowAndKeepBlocksAligned) {
    for (std::uint32_t index = 0; index < kSizeClasses; ++index) {
        EXPECT_EQ(class_bytes(index) % 64, 0U);
        if (index > 0) {
            EXPECT_GT(class_bytes(index), class_bytes(index - 1));
        }
    }
}

TEST(SizeClasses, TierBoundsAreThoseOfTheDocumentation) {
    EXPECT_EQ(tier_of(1), Tier::kSmall);
    EXPECT_EQ(tier_of(1023), Tier::kSmall);
    EXPECT_EQ(tier_of(1024), Tier::kMedium);
    EXPECT_EQ(tier_of(std::size_t{1} << 20), Tier::kMedium);
    EXPECT_EQ(tier_of((std::size_t{1} << 20) + 1), Tier::kLarge);
}

TEST(Slabs, HoldSeveralBlocksAndWasteLittle) {
    for (const ClassShape& shape : kClassShapes) {
        const std::size_t slab = shape.slices * kSliceBytes;
        EXPECT_GE(shape.blocks, 4U);
        EXPECT_LE(std::size_t{shape.blocks} * shape.block_bytes, slab);
        EXPECT_LT(slab - std::size_t{shape.blocks} * shape.block_bytes, shape.block_bytes);
        EXPECT_LE(slab, std::size_t{4} << 20) << "block_index is exact up to 4 MiB only";
    }
}

TEST(Slabs, BlockIndexIsExactForAllOffsetsOfAllClasses) {
    for (const ClassShape& shape : kClassShapes) {
        const std::size_t slab = shape.slices * kSliceBytes;
        std::uint32_t expected = 0;
        std::size_t next = shape.block_bytes;
        for (std::size_t offset = 0; offset < slab; ++offset) {
            if (offset == next) ++expected, next += shape.block_bytes;
            const BlockPosition at = block_position(shape, offset);
            if (at.index != expected || at.starts != (offset + shape.block_bytes == next)) {
                FAIL() << "offset " << offset << " of blocks of " << shape.block_bytes << ": "
                       << block_index(shape, offset) << ", not " << expected;
            }
        }
    }
}

}  // namespace
}  // namespace numapool::base
