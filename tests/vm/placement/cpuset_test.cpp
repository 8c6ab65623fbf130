// Owns: the check of a cpuset that shrinks and grows while the program runs.
// Must not know: how the pool notices.
#include <chrono>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

class Cpuset : public testing::Test {
protected:
    void SetUp() override {
        const char* folder = std::getenv("NUMAPOOL_VM_CGROUP");
        if (folder == nullptr) GTEST_SKIP() << "NUMAPOOL_VM_CGROUP does not name this process's cgroup";
        mems_ = std::string(folder) + "/cpuset.mems";
        std::ifstream(mems_) >> before_;
    }
    void TearDown() override {
        if (!before_.empty()) allow(before_);
    }
    void allow(const std::string& nodes) const {
        std::ofstream file(mems_);
        file << nodes << std::flush;
        ASSERT_TRUE(file.good()) << nodes << " to " << mems_;
    }
    std::string mems_;
    std::string before_;
};

NodeStatistics figures_of(const MemoryPool& pool, int node) {
    for (const NodeStatistics& figures : pool.get_statistics().nodes) {
        if (figures.node == node) return figures;
    }
    return {};
}

// F40
TEST_F(Cpuset, F40_ANodeTakenAwayIsNoticedAndReportedAndComesHome) {
    const std::vector<NumaNode> nodes = memory_nodes();
    ASSERT_GE(nodes.size(), 2U) << "the cpuset allows " << before_;
    const int lost = nodes.back().id;
    const Messages messages;
    MemoryPool pool;
    const Request there{.placement = Placement::on_node(lost)};
    const Request strict{.placement = Placement::on_node(lost), .bind = BindMode::kStrict};
    const Buffer live = pool.get_buffer(4 * kMiB, there);
    touch(live.data(), live.size(), 7);
    static_cast<void>(pool.get_buffer(3 * kMiB, strict));
    ASSERT_EQ(share_on(where(live), lost), 1.0);

    std::string fewer;
    for (const NumaNode& node : nodes) {
        if (node.id != lost) fewer += (fewer.empty() ? "" : ",") + std::to_string(node.id);
    }
    allow(fewer);
    const Buffer after = pool.get_buffer(5 * kMiB, there);
    touch(after.data(), after.size());
    EXPECT_EQ(share_on(where(after), lost), 0.0) << "the check itself: the kernel obeys the cpuset";
    EXPECT_GT(messages.count("node " + std::to_string(lost) + " was taken"), 0U) << messages.text();
    EXPECT_GE(figures_of(pool, lost).fallback_allocations, 1U);
    EXPECT_THROW(static_cast<void>(pool.get_buffer(3 * kMiB, strict)), PlacementError);
    EXPECT_THROW(static_cast<void>(pool.get_buffer(100, strict)), PlacementError);
    const std::uint64_t counted = figures_of(pool, lost).fallback_allocations;
    static_cast<void>(pool.get_buffer(100, there));
    EXPECT_EQ(figures_of(pool, lost).fallback_allocations, counted + 1);
    const PageMap moved = where(live);

    allow(before_);
    EXPECT_EQ(figures_of(pool, lost).fallback_allocations, counted + 1);  // looking notices
    const Buffer again = pool.get_buffer(6 * kMiB, there);
    touch(again.data(), again.size());
    EXPECT_EQ(share_on(where(again), lost), 1.0);
    EXPECT_EQ(share_on(where(live), lost), 1.0) << to_string(where(live));
    EXPECT_EQ(static_cast<const char*>(live.data())[live.size() - 1], 7);
    EXPECT_EQ(figures_of(pool, lost).fallback_allocations, counted + 1);
    say("cpuset %s, then %s, then %s: a live buffer of node %d at %s, then %s", before_.c_str(),
        fewer.c_str(), before_.c_str(), lost, to_string(moved).c_str(), to_string(where(live)).c_str());
}

// F06
TEST_F(Cpuset, F06_NodesOutsideItAreRefusedNamingTheAllowed) {
    MemoryPool pool;
    int outside = -1;
    for (const NumaNode& node : discover_topology().nodes) {
        if (!node.allowed) outside = node.id;
    }
    ASSERT_GE(outside, 0) << "the cpuset allows every node: " << before_;
    EXPECT_THROW(static_cast<void>(pool.get_buffer(100, {.placement = Placement::on_node(outside)})),
                 ArgumentError);
}

}  // namespace
}  // namespace numapool::vm
