// Owns: checks of how the kernel's settings are read, on made-up files.
// Must not know: what is made of them.
#include "watch/kernel_settings.h"

#include <gtest/gtest.h>

#include "fakes/made_up_files.h"

namespace numapool::watch {
namespace {

using fakes::MadeUpFiles;
using Ids = std::vector<int>;

TEST(KernelSettings, AreAbsentWhereNothingCanBeRead) {
    const MadeUpFiles files;
    const KernelSettings settings = read_kernel_settings(files.root());
    EXPECT_EQ(settings.release, "");
    EXPECT_FALSE(settings.numa);
    EXPECT_EQ(settings.huge_page_mode, "unavailable");
    EXPECT_FALSE(settings.huge_pages_off_for_process);
    EXPECT_TRUE(settings.reserved.empty());
    EXPECT_FALSE(settings.overcommit || settings.commit_limit_bytes || settings.memory_bytes ||
                 settings.maps || settings.address_limit_bytes || settings.numa_balancing ||
                 settings.online_cpus);
}

TEST(KernelSettings, AreReadAsTheKernelWritesThem) {
    const MadeUpFiles files;
    files.write("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    files.write("/proc/sys/kernel/numa_balancing", "2\n");
    files.write("/proc/sys/vm/overcommit_memory", "2\n");
    files.write("/proc/sys/vm/overcommit_ratio", "50\n");
    files.write("/proc/sys/vm/max_map_count", "65530\n");
    files.write("/proc/sys/vm/zone_reclaim_mode", "1\n");
    files.write("/proc/meminfo",
                "MemTotal:       100 kB\nMemAvailable:    90 kB\nSwapTotal:  8 kB\nSwapFree: 7 kB\n"
                "CommitLimit:    50 kB\nCommitted_AS:   20 kB\n");
    files.write("/proc/self/status", "Name:\tx\nTHP_enabled:\t0\n");
    files.write("/proc/self/limits",
                "Limit                     Soft Limit           Hard Limit           Units     \n"
                "Max address space         4096000              unlimited            bytes     \n");
    files.write("/proc/self/maps", "one\ntwo\nthree\n");
    files.write("/sys/devices/system/cpu/online", "0-3\n");
    const KernelSettings settings = read_kernel_settings(files.root());
    EXPECT_EQ(settings.release, "6.1.0-18-amd64");
    EXPECT_EQ(settings.numa_balancing, 2U);
    EXPECT_EQ(settings.overcommit, 2U);
    EXPECT_EQ(settings.overcommit_ratio, 50U);
    EXPECT_EQ(settings.most_maps, 65530U);
    EXPECT_EQ(settings.zone_reclaim_mode, 1U);
    EXPECT_EQ(settings.memory_bytes, 100U * 1024);
    EXPECT_EQ(settings.available_bytes, 90U * 1024);
    EXPECT_EQ(settings.swap_bytes, 8U * 1024);
    EXPECT_EQ(settings.swap_free_bytes, 7U * 1024);
    EXPECT_EQ(settings.commit_limit_bytes, 50U * 1024);
    EXPECT_EQ(settings.committed_bytes, 20U * 1024);
    EXPECT_TRUE(settings.huge_pages_off_for_process);
    EXPECT_EQ(settings.address_limit_bytes, 4096000U);
    EXPECT_EQ(settings.maps, 3U);
    EXPECT_EQ(settings.online_cpus, (Ids{0, 1, 2, 3}));
}

TEST(KernelSettings, UnlimitedAddressSpaceIsNoNumber) {
    const MadeUpFiles files;
    files.write("/proc/self/limits",
                "Max address space         unlimited            unlimited            bytes\n");
    EXPECT_FALSE(read_kernel_settings(files.root()).address_limit_bytes);
}

TEST(KernelSettings, TransparentHugePagesHaveAModeAndADefragMode) {
    const MadeUpFiles files;
    const std::string folder = "/sys/kernel/mm/transparent_hugepage/";
    files.write(folder + "enabled", "always madvise [never]\n");
    files.write(folder + "defrag", "always defer [defer+madvise] madvise never\n");
    files.write(folder + "hpage_pmd_size", "2097152\n");
    const KernelSettings settings = read_kernel_settings(files.root());
    EXPECT_EQ(settings.huge_page_mode, "never");
    EXPECT_EQ(settings.huge_page_defrag, "defer+madvise");
    EXPECT_EQ(settings.huge_page_bytes, 2097152U);
    files.write(folder + "defrag", "]odd[\n");
    EXPECT_EQ(read_kernel_settings(files.root()).huge_page_defrag, "");
}

TEST(KernelSettings, ReservedHugePagesAreToldByNodeAndSize) {
    const MadeUpFiles files;
    const auto pages = [&](const std::string& folder, const char* total, const char* free) {
        files.write(folder + "/nr_hugepages", total);
        files.write(folder + "/free_hugepages", free);
    };
    pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "5", "4");
    auto reserved = read_kernel_settings(files.root()).reserved;
    ASSERT_EQ(reserved.size(), 1U) << "without nodes the machine's own";
    EXPECT_EQ(reserved[0].node, -1);
    files.write("/sys/devices/system/node/online", "0,2\n");
    pages("/sys/devices/system/node/node2/hugepages/hugepages-1048576kB", "1", "0");
    pages("/sys/devices/system/node/node2/hugepages/hugepages-2048kB", "4", "4");
    pages("/sys/devices/system/node/node0/hugepages/hugepages-2048kB", "0", "0");
    pages("/sys/devices/system/node/node0/hugepages/hugepages-64kB", "3", "2");
    reserved = read_kernel_settings(files.root()).reserved;
    ASSERT_EQ(reserved.size(), 3U);
    EXPECT_EQ(reserved[0].node, 0);
    EXPECT_EQ(reserved[0].page_bytes, 64U * 1024);
    EXPECT_EQ(reserved[0].free, 2U);
    EXPECT_EQ(reserved[1].node, 2);
    EXPECT_EQ(reserved[1].page_bytes, 2048U * 1024);
    EXPECT_EQ(reserved[2].page_bytes, 1048576U * 1024);
    EXPECT_EQ(reserved[2].total, 1U);
    EXPECT_TRUE(read_kernel_settings(files.root()).numa);
}

TEST(KernelSettings, TheCpusetIsThatOfTheNearestGroup) {
    const MadeUpFiles files;
    files.write("/proc/self/cgroup", "3:cpuset:/job\n0::/a/b\n");
    files.write("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    files.write("/sys/fs/cgroup/a/cpuset.cpus.effective", "0-1\n");
    files.write("/sys/fs/cgroup/cpuset.cpus.effective", "0-7\n");
    EXPECT_EQ(read_kernel_settings(files.root()).cpuset_cpus, (Ids{0, 1}));
    files.write("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
    files.write("/sys/fs/cgroup/cpuset/job/cpuset.effective_cpus", "4-5\n");
    EXPECT_EQ(read_kernel_settings(files.root()).cpuset_cpus, (Ids{4, 5}));
}

}  // namespace
}  // namespace numapool::watch
