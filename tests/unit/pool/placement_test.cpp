// Owns: checks of Placement values and of the table of interleave sets.
// Must not know: pools.
#include "numapool/placement.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "numapool/errors.h"

#include "pool/interleave_sets.h"

namespace numapool {
namespace {

TEST(Placement, SaysWhatWasAskedFor) {
    EXPECT_EQ(Placement().kind(), Placement::Kind::kCurrentNode);
    EXPECT_EQ(Placement(), Placement::current_node());
    EXPECT_EQ(Placement::on_node(3).node(), 3);
    EXPECT_EQ(Placement::on_node(3).nodes(), std::vector{3});
    EXPECT_TRUE(Placement().nodes().empty());
}

TEST(Placement, SetsAreKnownByTheirNodesAlone) {
    const int a[] = {5, 1, 5};
    const int b[] = {1, 5};
    const int c[] = {1, 5, 6};
    EXPECT_EQ(Placement::interleave(a), Placement::interleave(b));
    EXPECT_FALSE(Placement::interleave(b) == Placement::interleave(c));
    EXPECT_EQ(Placement::interleave(c).nodes(), (std::vector{1, 5, 6}));
    const int one[] = {7, 7};
    EXPECT_EQ(Placement::interleave(one), Placement::on_node(7));
}

TEST(Placement, RefusesWhatIsNoSet) {
    EXPECT_THROW(Placement::interleave({}), ArgumentError);
    for (const int wrong : {-1, 1024}) {
        const int nodes[] = {0, wrong};
        try {
            Placement::interleave(nodes);
            FAIL() << wrong;
        } catch (const ArgumentError& error) {
            EXPECT_EQ(error.code(), ErrorCode::kInvalidNode);
            EXPECT_NE(std::string(error.what()).find(std::to_string(wrong)), std::string::npos);
        }
    }
}

/// Makes sets until one is refused; true if that is told as it should be and those made before stay.
bool sets_run_out() {
    int made = 0;
    try {
        for (int node = 1; node < 200; ++node) {
            const int nodes[] = {0, node};
            Placement::interleave(nodes);
            ++made;
        }
        return false;
    } catch (const ArgumentError& error) {
        if (error.code() != ErrorCode::kInvalidNode) return false;
    }
    const int known[] = {0, 1};
    Placement::interleave(known);
    return made <= detail::kMaxInterleaveSets && made > detail::kMaxInterleaveSets / 2;
}

TEST(PlacementDeathTest, ThereAre64SetsAndNoMore) {
    // In a child: sets are remembered for the life of a process, and other tests need some.
    EXPECT_EXIT(std::exit(sets_run_out() ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace numapool
