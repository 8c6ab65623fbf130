// Owns: checks of what is concluded from /proc/self/maps and numa_maps, on made-up ones around real memory.
// Must not know: who asks.
#include "os/mapping_nodes.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

using Nodes = std::map<int, std::uint64_t>;

std::string hex(std::uintptr_t address) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%lx", static_cast<unsigned long>(address));
    return text.data();
}

// Ten pages of real memory, the first six of them present, and a folder for files that tell of them.
class MappingNodes : public testing::Test {
protected:
    MappingNodes() {
        std::filesystem::create_directories(root_ + "/proc/self");
        start_ = reserve(10 * page_, page_);
        EXPECT_EQ(commit(start_, 10 * page_), 0);
        for (std::size_t i = 0; i < 6; ++i) *reinterpret_cast<volatile char*>(start_ + i * page_) = 1;
    }
    ~MappingNodes() override {
        release(start_, 10 * page_);
        std::filesystem::remove_all(root_);
    }

    void write(const std::string& file, const std::string& text) const {
        std::ofstream(root_ + "/proc/self/" + file) << text;
    }
    std::string map_line(std::size_t first, std::size_t last) const {
        return hex(start_ + first * page_) + "-" + hex(start_ + last * page_) +
               " rw-p 00000000 00:00 0 [a name]\n";
    }
    std::string counts_line(std::size_t first, const std::string& counts) const {
        return hex(start_ + first * page_) + " prefer:1 anon=6 dirty=6 " + counts +
               " kernelpagesize_kB=" + std::to_string(page_ / 1024) + "\n";
    }
    // All ten pages are one mapping with these counts.
    void one_mapping(const std::string& counts) const {
        write("maps", map_line(0, 10));
        write("numa_maps", counts_line(0, counts));
    }
    PageRun pages(std::size_t first, std::size_t last) const {
        return {start_ + first * page_, start_ + last * page_};
    }
    NodeCounts locate(const std::vector<PageRun>& runs) const {
        const auto counts = locate_by_mapping(runs, root_);
        EXPECT_TRUE(counts);
        return counts.value_or(NodeCounts{{}, 999, 999});
    }

    const std::size_t page_ = page_bytes();
    const std::string root_ = testing::TempDir() + "mapping_nodes_test." + std::to_string(::getpid());
    std::uintptr_t start_ = 0;
};

TEST_F(MappingNodes, AreReadFromBothFiles) {
    write("maps", map_line(0, 4) + "no address at all\n" + map_line(4, 6) + map_line(8, 10));
    write("numa_maps", counts_line(0, "N0=1 N12=3") + "nonsense\n" + hex(start_ + 4 * page_) +
                           " default file=/a\\040b/N1\\0753 huge N1=1 kernelpagesize_kB=2048\n");
    const auto mappings = read_mappings(root_);
    ASSERT_TRUE(mappings);
    ASSERT_EQ(mappings->size(), 3U);
    EXPECT_EQ((*mappings)[0].run, pages(0, 4));
    EXPECT_EQ((*mappings)[0].pages_on, (Nodes{{0, 1}, {12, 3}}));
    EXPECT_EQ((*mappings)[0].present, 4U);
    EXPECT_EQ((*mappings)[1].pages_on, (Nodes{{1, 2048 * 1024 / page_}})) << "counted in its own pages";
    EXPECT_FALSE((*mappings)[2].counted);
}

TEST_F(MappingNodes, ThatChangeWhileTheyAreReadAreNotCounted) {
    const std::string before = map_line(0, 4) + map_line(4, 6) + map_line(6, 7);
    const std::string after = map_line(0, 5) + map_line(5, 6) + map_line(6, 7);
    const std::string counts =
        counts_line(0, "N0=1") + counts_line(4, "N0=1") + counts_line(5, "N0=1") + counts_line(6, "N0=1");
    const auto mappings = parse_mappings(before, counts, after);
    ASSERT_EQ(mappings.size(), 3U);
    EXPECT_FALSE(mappings[0].counted);
    EXPECT_FALSE(mappings[1].counted);
    EXPECT_TRUE(mappings[2].counted);
}

TEST_F(MappingNodes, NeedBothFiles) {
    EXPECT_FALSE(read_mappings(root_));
    write("maps", map_line(0, 4));
    EXPECT_FALSE(read_mappings(root_));
    EXPECT_FALSE(locate_by_mapping({}, root_));
    write("numa_maps", "");
    EXPECT_TRUE(read_mappings(root_));
}

TEST_F(MappingNodes, F37_PagesLieWhereAllOfTheirMappingLies) {
    one_mapping("N3=6");
    const NodeCounts part = locate({pages(4, 8)});
    EXPECT_EQ(part.pages_on, (Nodes{{3, 2}}));
    EXPECT_EQ(part.absent, 2U);
    EXPECT_EQ(part.unknown, 0U);
    const NodeCounts several = locate({pages(0, 1), pages(3, 5), pages(9, 10)});
    EXPECT_EQ(several.pages_on, (Nodes{{3, 3}}));
    EXPECT_EQ(several.absent, 1U);
}

TEST_F(MappingNodes, F37_PagesOfAMappingOnSeveralNodesAreUnknownUnlessAllOfItIsAskedFor) {
    one_mapping("N0=4 N1=2");
    const NodeCounts part = locate({pages(0, 9)});
    EXPECT_TRUE(part.pages_on.empty());
    EXPECT_EQ(part.unknown, 6U);
    EXPECT_EQ(part.absent, 3U) << "what is absent is known";
    const NodeCounts whole = locate({pages(0, 10)});
    EXPECT_EQ(whole.pages_on, (Nodes{{0, 4}, {1, 2}}));
    EXPECT_EQ(whole.absent, 4U);
    EXPECT_EQ(whole.unknown, 0U);
}

TEST_F(MappingNodes, F37_CountsThatDoNotMatchWhatIsPresentAreNotBelieved) {
    for (const char* counts : {"N0=5", "N0=7", "", "N0=3 N1=4"}) {
        one_mapping(counts);
        const NodeCounts found = locate({pages(0, 10)});
        EXPECT_TRUE(found.pages_on.empty()) << counts;
        EXPECT_EQ(found.unknown, 6U) << counts;
        EXPECT_EQ(found.absent, 4U) << counts;
    }
}

TEST_F(MappingNodes, F37_ARunMayPassMappingsThatTouchAndHoles) {
    // Pages 0-2 on node 0, 2-4 not counted, 4-7 on node 1, 7-8 a hole, 8-10 empty.
    write("maps", map_line(0, 2) + map_line(2, 4) + map_line(4, 7) + map_line(8, 10));
    write("numa_maps", counts_line(0, "N0=2") + counts_line(4, "N1=2") + counts_line(8, ""));
    const NodeCounts found = locate({pages(1, 10)});
    EXPECT_EQ(found.pages_on, (Nodes{{0, 1}, {1, 2}}));
    EXPECT_EQ(found.unknown, 2U);
    EXPECT_EQ(found.absent, 4U);
    EXPECT_EQ(locate({pages(7, 8)}).absent, 1U);
}

TEST_F(MappingNodes, F37_NothingIsConcludedWithoutMincore) {
    one_mapping("N0=6");
    fakes::FakeSystemCalls fake;
    fakes::FakeSystemCalls::refuse(fakes::Call::kResident, EPERM);
    EXPECT_EQ(locate({pages(0, 10)}).unknown, 10U);
}

TEST_F(MappingNodes, OfThisProcessAreThere) {
    const auto mappings = read_mappings("");
    if (!mappings) GTEST_SKIP() << "this kernel has no numa_maps";
    bool found = false;
    for (const Mapping& mapping : *mappings) {
        if (mapping.run.begin > start_ || mapping.run.end < start_ + 10 * page_) continue;
        found = true;
        EXPECT_TRUE(mapping.counted);
        EXPECT_GE(mapping.present, 6U);
    }
    EXPECT_TRUE(found);
    const auto counts = locate_by_mapping(std::vector{pages(0, 10)}, "");
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->absent, 4U);
    EXPECT_EQ(resident_bytes(start_, 10 * page_), 6 * page_) << "looking faults nothing in";
}

}  // namespace
}  // namespace numapool::os
