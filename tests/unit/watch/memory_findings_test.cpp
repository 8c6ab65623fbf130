// Owns: checks of what is told of memory limits, overcommit, address space and huge pages.
// Must not know: policies.
#include <sys/mman.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "played_doctor.h"

namespace numapool::watch {
namespace {

void put_in_group(const PlayedDoctor& doctor, const std::string& max) {
    doctor.files.write("/proc/self/cgroup", "0::/\n");
    doctor.files.write("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    doctor.files.write("/sys/fs/cgroup/memory.max", max);
    doctor.files.write("/sys/fs/cgroup/memory.current", "1073741824\n");
}

TEST(MemoryLimitFinding, NamesTheGroupAndABoundForPools) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("memory limit").state, FindingState::kGood);
    put_in_group(doctor, "4294967296\n");
    const Finding finding = doctor.find("memory limit");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "4 GiB, beyond")) << finding.found;
    EXPECT_TRUE(has(finding.found, "1 GiB used")) << finding.found;
    EXPECT_TRUE(has(finding.found, "/sys/fs/cgroup, version 2")) << finding.found;
    EXPECT_TRUE(has(finding.remedy, "NUMAPOOL_MAX_BYTES=3072M")) << finding.remedy;
    put_in_group(doctor, "17179869184\n");
    EXPECT_EQ(doctor.find("memory limit").state, FindingState::kGood) << "no less than the machine has";
}

TEST(MaxBytesAsked, MustFitBelowTheGroupsLimit) {
    const PlayedDoctor doctor;
    put_in_group(doctor, "4294967296\n");
    EXPECT_EQ(doctor.find("max_bytes 4 GiB", {.max_bytes = 4 * kGiB}).state, FindingState::kGood);
    const Finding finding = doctor.find("max_bytes 5 GiB", {.max_bytes = 5 * kGiB});
    EXPECT_EQ(finding.state, FindingState::kCannot);
    EXPECT_TRUE(has(finding.found, "allows 4 GiB")) << finding.found;
    doctor.set_memory("SwapTotal: 4194304 kB\nSwapFree: 4194304 kB\n");
    EXPECT_EQ(doctor.find("max_bytes 5 GiB", {.max_bytes = 5 * kGiB}).state, FindingState::kLimited);
}

TEST(MaxBytesAsked, MustFitIntoTheMachine) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("max_bytes 8 GiB", {.max_bytes = 8 * kGiB}).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("max_bytes 9 GiB", {.max_bytes = 9 * kGiB}).state, FindingState::kLimited);
    EXPECT_EQ(doctor.find("max_bytes 17 GiB", {.max_bytes = 17 * kGiB}).state, FindingState::kCannot);
    doctor.files.write("/proc/self/limits", "Max address space         1073741824   unlimited   bytes\n");
    EXPECT_EQ(doctor.find("max_bytes 2 GiB", {.max_bytes = 2 * kGiB}).state, FindingState::kCannot);
}

TEST(OvercommitFinding, StrictAccountingNamesWhatIsLeft) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("overcommit").state, FindingState::kGood);
    doctor.files.write("/proc/sys/vm/overcommit_memory", "1\n");
    EXPECT_EQ(doctor.find("overcommit").state, FindingState::kNote);
    doctor.files.write("/proc/sys/vm/overcommit_memory", "2\n");
    doctor.files.write("/proc/sys/vm/overcommit_ratio", "50\n");
    doctor.set_memory("CommitLimit: 8388608 kB\nCommitted_AS: 2097152 kB\n");
    const Finding finding = doctor.find("overcommit");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "2 GiB of 8 GiB")) << finding.found;
    EXPECT_TRUE(has(finding.found, "6 GiB left")) << finding.found;
    EXPECT_TRUE(has(finding.remedy, "now 50")) << finding.remedy;
    EXPECT_EQ(doctor.find("max_bytes 6 GiB", {.max_bytes = 6 * kGiB}).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("max_bytes 7 GiB", {.max_bytes = 7 * kGiB}).state, FindingState::kLimited);
    EXPECT_EQ(doctor.find("max_bytes 9 GiB", {.max_bytes = 9 * kGiB}).state, FindingState::kCannot);
}

TEST(AddressSpaceFinding, IsReallyTried) {
    const PlayedDoctor doctor;
    FakeSystemCalls::refuse_maps_above(8 * kGiB + os::page_bytes());
    const Finding finding = doctor.find("address space");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "64 GiB at once are refused, 8 GiB are not")) << finding.found;
    FakeSystemCalls::refuse_maps_above(1);
    EXPECT_EQ(doctor.find("address space").state, FindingState::kCannot);
    EXPECT_EQ(doctor.find("mbind").state, FindingState::kNote) << "there was no page to try it on";
}

TEST(MapsFinding, WarnsBeforeTheyRunOut) {
    const PlayedDoctor doctor;
    doctor.files.write("/proc/sys/vm/max_map_count", "10\n");
    doctor.files.write("/proc/self/maps", "1\n2\n3\n4\n5\n6\n7\n");
    EXPECT_EQ(doctor.find("maps").state, FindingState::kGood);
    doctor.files.write("/proc/self/maps", "1\n2\n3\n4\n5\n6\n7\n8\n");
    const Finding finding = doctor.find("maps");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "8 of 10")) << finding.found;
}

TEST(SwapFinding, IsANoteWhereThereIsSome) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("swap").state, FindingState::kGood);
    doctor.set_memory("SwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n");
    EXPECT_EQ(doctor.find("swap").state, FindingState::kNote);
    EXPECT_TRUE(has(doctor.find("swap").found, "2 GiB, 1 GiB free"));
}

struct HugeCase {
    const char* file;
    const char* text;
    const char* told;
};

class NoHugePages : public testing::TestWithParam<HugeCase> {};

INSTANTIATE_TEST_SUITE_P(
    Because, NoHugePages,
    testing::Values(HugeCase{"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n",
                             "never"},
                    HugeCase{"/sys/kernel/mm/transparent_hugepage/enabled", "", "offers no"},
                    HugeCase{"/proc/self/status", "THP_enabled:\t0\n", "PR_SET_THP_DISABLE"}),
    [](const auto& tested) { return std::string("Case") + std::to_string(tested.index); });

TEST_P(NoHugePages, OnlyAlwaysCannotWork) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("huge pages").state, FindingState::kGood);
    EXPECT_EQ(doctor.find("huge pages always", {.huge_pages = HugePages::kAlways}).state,
              FindingState::kGood);
    doctor.files.write(GetParam().file, GetParam().text);
    const Finding finding = doctor.find("huge pages");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, GetParam().told)) << finding.found;
    EXPECT_NE(finding.remedy, "");
    EXPECT_EQ(doctor.find("huge pages always", {.huge_pages = HugePages::kAlways}).state,
              FindingState::kCannot);
    EXPECT_EQ(doctor.find("huge pages auto", {.huge_pages = HugePages::kAuto}).state, FindingState::kLimited);
    EXPECT_EQ(doctor.find("huge pages never", {.huge_pages = HugePages::kNever}).state, FindingState::kGood);
}

TEST(HugePageFinding, RefusedAdviceIsTold) {
    const PlayedDoctor doctor;
    doctor.files.write("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n");
    FakeSystemCalls::refuse_advice(MADV_HUGEPAGE, EINVAL);
    const Finding finding = doctor.find("huge pages always", {.huge_pages = HugePages::kAlways});
    EXPECT_EQ(finding.state, FindingState::kCannot);
    EXPECT_TRUE(has(finding.found, "EINVAL")) << finding.found;
}

TEST(HugePageFinding, ABlockOfSmallPagesIsTold) {
    const PlayedDoctor doctor;
    // No huge page has two pages, so each small one faults by itself.
    doctor.files.write("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
                       std::to_string(2 * os::page_bytes()));
    const Finding finding = doctor.find("huge pages");
    EXPECT_EQ(finding.state, FindingState::kLimited) << finding.found;
    EXPECT_TRUE(has(finding.found, "none came when asked for")) << finding.found;
}

TEST(HugetlbFinding, NamesNodesAndSizes) {
    const PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("hugetlb").state, FindingState::kGood);
    const std::string folder = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB";
    doctor.files.write(folder + "/nr_hugepages", "16\n");
    doctor.files.write(folder + "/free_hugepages", "9\n");
    const Finding finding = doctor.find("hugetlb");
    EXPECT_EQ(finding.state, FindingState::kNote);
    EXPECT_TRUE(has(finding.found, "node 1: 9 of 16 free of 2 MiB")) << finding.found;
}

}  // namespace
}  // namespace numapool::watch
