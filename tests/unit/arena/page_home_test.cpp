// Owns: checks of where pages are asked to lie and of what a look at them counts.
// Must not know: blocks.
#include "arena/page_home.h"

#include <linux/mempolicy.h>

#include <array>
#include <cerrno>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

using base::kGranuleBytes;
using fakes::Call;
using fakes::FakeSystemCalls;

constexpr std::array<std::int16_t, 4> kThreeToOne = {2, 2, 2, 5};

os::NodeMask mask_of(std::initializer_list<int> nodes) {
    os::NodeMask mask;
    for (const int node : nodes) mask.add(node);
    return mask;
}

TEST(PageHome, SaysWhichNodeIsRight) {
    EXPECT_TRUE(PageHome().anywhere());
    EXPECT_EQ(PageHome().node_at(0), -1);
    const PageHome one = PageHome::on_node(1023);
    EXPECT_TRUE(one.has(1023, 12345));
    EXPECT_FALSE(one.has(0, 0));
    EXPECT_FALSE(one.has(-1, 0));
    EXPECT_EQ(one.node_at(77 * kGranuleBytes), 1023);
    const PageHome dealt = PageHome::dealt(mask_of({1, 3}));
    EXPECT_TRUE(dealt.has(1, 0));
    EXPECT_TRUE(dealt.has(3, 0));
    EXPECT_FALSE(dealt.has(2, 0));
    EXPECT_EQ(dealt.node_at(0), 1);
    EXPECT_EQ(dealt.node_at(kGranuleBytes), 3);
    EXPECT_EQ(dealt.node_at(2 * kGranuleBytes), 1);
}

TEST(PageHome, WeightsGiveEachGranuleOneNode) {
    const PageHome home = PageHome::dealt(mask_of({2, 5}), kThreeToOne);
    for (std::size_t granule = 0; granule < 12; ++granule) {
        const int right = granule % 4 == 3 ? 5 : 2;
        const std::size_t offset = granule * kGranuleBytes;
        EXPECT_TRUE(home.has(right, offset));
        EXPECT_FALSE(home.has(7 - right, offset)) << "one of the set's nodes, but not this granule's";
        EXPECT_TRUE(home.has(right, offset + kGranuleBytes - 1));
    }
}

TEST(PageHome, TellsTheKernelOncePerRunOfGranules) {
    const FakeSystemCalls fake;
    constexpr std::uintptr_t kBase = std::uintptr_t{1} << 40;
    const PageHome home = PageHome::dealt(mask_of({2, 5}), kThreeToOne);
    // From the middle of granule 1 to the middle of granule 7: 2 | 5 | 2 2 2 | 5.
    const std::uintptr_t first = kBase + kGranuleBytes + kGranuleBytes / 2;
    EXPECT_EQ(home.ask(kBase, first, 6 * kGranuleBytes, os::Present::kStay), 0);
    const auto binds = FakeSystemCalls::binds();
    ASSERT_EQ(binds.size(), 4U);
    const std::array<std::uintptr_t, 5> edges = {first, kBase + 3 * kGranuleBytes, kBase + 4 * kGranuleBytes,
                                                 kBase + 7 * kGranuleBytes, first + 6 * kGranuleBytes};
    for (std::size_t i = 0; i < binds.size(); ++i) {
        EXPECT_EQ(binds[i].begin, edges[i]);
        EXPECT_EQ(binds[i].end, edges[i + 1]);
        EXPECT_EQ(binds[i].nodes, std::vector{i % 2 == 0 ? 2 : 5});
    }
}

TEST(PageHome, OneCallDoesForOneNodeAndForASet) {
    const FakeSystemCalls fake;
    constexpr std::uintptr_t kBase = std::uintptr_t{1} << 40;
    EXPECT_EQ(PageHome::on_node(3).ask(kBase, kBase, 100 * kGranuleBytes, os::Present::kMove), 0);
    EXPECT_EQ(PageHome::dealt(mask_of({0, 1})).ask(kBase, kBase, 100 * kGranuleBytes, os::Present::kStay), 0);
    EXPECT_EQ(PageHome().ask(kBase, kBase, kGranuleBytes, os::Present::kStay), 0);
    const auto binds = FakeSystemCalls::binds();
    ASSERT_EQ(binds.size(), 2U);
    EXPECT_EQ(binds[0].mode, MPOL_PREFERRED);
    EXPECT_TRUE(binds[0].moving);
    EXPECT_EQ(binds[1].mode, MPOL_INTERLEAVE);
    FakeSystemCalls::refuse(Call::kBind, EPERM);
    EXPECT_EQ(PageHome::on_node(3).ask(kBase, kBase, kGranuleBytes, os::Present::kStay), EPERM);
}

TEST(PageCheck, CountsWhatIsHomeElsewhereAbsentAndUnknown) {
    const FakeSystemCalls fake;
    const std::size_t page = os::page_bytes();
    constexpr std::size_t kPages = 1030;  // more than are asked for at a time
    const std::uintptr_t start = os::reserve(kPages * page, page);
    ASSERT_EQ(os::commit(start, kPages * page), 0);
    ASSERT_EQ(os::prefer_node(start, 600 * page, 4), 0);
    ASSERT_EQ(os::populate(start, 1000 * page), 0);
    std::array<std::uint64_t, 8> found{};
    PageCheck check = check_pages(PageHome::on_node(4), start, start, kPages * page, found);
    EXPECT_EQ(check.home, 600U);
    EXPECT_EQ(check.elsewhere, 400U);
    EXPECT_EQ(check.absent, 30U);
    EXPECT_EQ(check.unknown, 0U);
    EXPECT_EQ(found[4], 600U);
    EXPECT_EQ(found[0], 400U);
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    FakeSystemCalls::refuse(Call::kGetPolicy, EPERM);
    check = check_pages(PageHome::on_node(4), start, start, kPages * page);
    EXPECT_EQ(check.unknown, 1024U) << "two calls' worth";
    EXPECT_EQ(check.absent, 6U) << "that no page is there can be told all the same";
    EXPECT_EQ(check.home, 0U);
    EXPECT_EQ(check.error, EPERM);
    os::release(start, kPages * page);
}

}  // namespace
}  // namespace numapool::arena
