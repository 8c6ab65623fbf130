// Owns: checks of the record of mappings' edges, and of their number in the process.
// Must not know: system calls; what is moved.
#include "arena/mapping_edges.h"

#include <utility>
#include <vector>

#include "arena_fixture.h"

namespace numapool::arena {
namespace {

class MappingEdgesTest : public ArenaFixture {
protected:
    void SetUp() override {
        range_ = reserve_range(kGiB, kGiB, Purpose::kLargeBlock, arena_);
        ASSERT_NE(range_, nullptr);
        range_->writable = range_->slices;
        before_ = moved_edges();
    }
    void TearDown() override {
        release_range(range_);
        EXPECT_EQ(moved_edges(), before_) << "a range takes its edges along";
        set_most_edges(kReadEdges);
    }
    std::size_t counted() const { return moved_edges() - before_; }
    std::vector<std::pair<std::size_t, std::size_t>> kept(std::size_t first, std::size_t slices) const {
        std::vector<std::pair<std::size_t, std::size_t>> parts;
        for_each_kept_part(*range_, first, slices,
                           [&](std::size_t at, std::size_t part) { parts.emplace_back(at, part); });
        return parts;
    }

    AddressRange* range_ = nullptr;
    std::size_t before_ = 0;
};

using Parts = std::vector<std::pair<std::size_t, std::size_t>>;

TEST_F(MappingEdgesTest, PiecesEndAtEdges) {
    EXPECT_EQ(granules_in_one_mapping(*range_, 0, 10), 10U);
    mark_edge(*range_, 0, false);
    mark_edge(*range_, 4, false);
    EXPECT_EQ(granules_in_one_mapping(*range_, 0, 10), 4U);
    EXPECT_EQ(granules_in_one_mapping(*range_, 3, 10), 1U);
    EXPECT_EQ(granules_in_one_mapping(*range_, 4, 10), 10U);
    EXPECT_EQ(counted(), 0U) << "only moves count";
}

TEST_F(MappingEdgesTest, WhatWasMovedIsOneMapping) {
    for (std::size_t granule = 10; granule < 20; ++granule) mark_edge(*range_, granule, true);
    EXPECT_EQ(counted(), 10U);
    mark_moved(*range_, 12, 18);
    EXPECT_EQ(granules_in_one_mapping(*range_, 12, 10), 6U);
    EXPECT_EQ(counted(), 5U) << "10, 11, 12, 18, 19";
    mark_moved(*range_, 12, 18);
    EXPECT_EQ(counted(), 5U) << "an edge counts once";
    EXPECT_EQ(edges_saved(*range_, 10, 20), 3U) << "11, 12, 18 and 19 would go, 20 come, 10 stay";
    EXPECT_EQ(edges_saved(*range_, 12, 18), 0U);
}

TEST_F(MappingEdgesTest, TheEndOfARangeIsNoEdge) {
    const std::size_t end = range_->slices / base::kSlicesPerGranule;
    mark_moved(*range_, end - 2, end);
    EXPECT_EQ(counted(), 1U);
    EXPECT_EQ(edges_saved(*range_, end - 3, end), 0U) << "one edge goes, one comes";
}

TEST_F(MappingEdgesTest, TheEdgeWhereWritableMemoryEndsGoesWithItsRange) {
    range_->writable = 8 * base::kSlicesPerGranule;
    mark_moved(*range_, 4, 8);
    EXPECT_EQ(counted(), 2U) << "and none when the fixture has released the range";
}

TEST_F(MappingEdgesTest, LostPartsAreLeftOut) {
    EXPECT_EQ(kept(5, 100), (Parts{{5, 100}}));
    EXPECT_EQ(kept(5, 0), Parts{});
    mark_lost(*range_, 1, 2);
    EXPECT_EQ(kept(5, 100), (Parts{{5, 27}, {64, 41}}));
    EXPECT_EQ(kept(32, 32), Parts{});
    EXPECT_EQ(kept(40, 30), (Parts{{64, 6}}));
    mark_lost(*range_, 0, 1);
    EXPECT_EQ(kept(0, range_->slices), (Parts{{64, range_->slices - 64}}));
}

TEST_F(MappingEdgesTest, TheProcessMayHaveSoMany) {
    set_most_edges(before_ + 6);
    EXPECT_EQ(edges_left(), 6U);
    mark_moved(*range_, 4, 8);
    EXPECT_EQ(edges_left(), 4U);
    halve_edges();
    EXPECT_EQ(edges_left(), 0U);
    set_most_edges(0);
    EXPECT_EQ(edges_left(), 0U);
    set_most_edges(kReadEdges);
    EXPECT_GT(edges_left(), 100U) << "a quarter of what the system allows";
}

}  // namespace
}  // namespace numapool::arena
