// Owns: checks of how control groups' memory limits are read, on made-up files.
// Must not know: who asks.
#include "pressure/memory_limit.h"

#include <gtest/gtest.h>

#include "fakes/made_up_files.h"
#include "pressure/control_groups.h"

namespace numapool::pressure {
namespace {

using fakes::MadeUpFiles;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::string bytes(std::uint64_t mib) { return std::to_string(mib * kMiB) + "\n"; }

class Version2 : public testing::Test {
protected:
    Version2() {
        files.write("/proc/self/cgroup", "0::/a/b\n");
        files.write("/proc/self/mountinfo",
                    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
        group("/a/b", "max\n", "max\n", bytes(7));
        group("/a", "max\n", "max\n", bytes(9));
    }
    void group(const std::string& path, const std::string& max, const std::string& high,
               const std::string& current) {
        files.write("/sys/fs/cgroup" + path + "/memory.max", max);
        files.write("/sys/fs/cgroup" + path + "/memory.high", high);
        files.write("/sys/fs/cgroup" + path + "/memory.current", current);
    }
    MadeUpFiles files;
};

TEST_F(Version2, MaxIsNoLimit) {
    const MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.version, 2);
    EXPECT_FALSE(limit.limit_bytes);
    EXPECT_FALSE(limit.high_bytes);
    EXPECT_EQ(limit.used_bytes, 7 * kMiB) << "the process's own group";
    EXPECT_EQ(limit.group, "/sys/fs/cgroup/a/b");
}

TEST_F(Version2, TheLeastOfAllAncestorsCounts) {
    group("/a/b", bytes(500), "max\n", bytes(7));
    group("/a", bytes(300), "max\n", bytes(9));
    MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.limit_bytes, 300 * kMiB);
    EXPECT_EQ(limit.used_bytes, 9 * kMiB);
    EXPECT_EQ(limit.group, "/sys/fs/cgroup/a");
    group("/a/b", bytes(200), "max\n", bytes(7));
    limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.limit_bytes, 200 * kMiB);
    EXPECT_EQ(limit.used_bytes, 7 * kMiB);
}

TEST_F(Version2, HighIsToldApart) {
    group("/a/b", bytes(500), bytes(400), bytes(7));
    group("/a", "max\n", bytes(450), bytes(9));
    const MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.limit_bytes, 500 * kMiB);
    EXPECT_EQ(limit.high_bytes, 400 * kMiB);
    EXPECT_EQ(limit.used_bytes, 7 * kMiB);
}

TEST_F(Version2, AContainerSeesItsOwnGroupAtTheMountPoint) {
    files.write("/proc/self/cgroup", "0::/\n");
    group("", bytes(128), "max\n", bytes(50));
    MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.limit_bytes, 128 * kMiB);
    EXPECT_EQ(limit.group, "/sys/fs/cgroup");
    // Without a namespace of its own the path is the host's, and the mount shows only a part.
    files.write("/proc/self/cgroup", "0::/docker/abc\n");
    files.write("/proc/self/mountinfo", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    EXPECT_EQ(read_memory_limit(files.root()).limit_bytes, 128 * kMiB);
    for (const char* odd : {"0::/elsewhere\n", "0::/docker/abcdef\n", "0::/docker/abc/../x\n"}) {
        files.write("/proc/self/cgroup", odd);
        EXPECT_EQ(read_memory_limit(files.root()).limit_bytes, 128 * kMiB) << odd;
    }
}

TEST_F(Version2, RoomIsTheLeastAnyGroupLeaves) {
    EXPECT_FALSE(read_memory_limit(files.root()).room_bytes) << "no limit";
    group("/a/b", bytes(100), "max\n", bytes(30));
    group("/a", bytes(200), "max\n", bytes(190));
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 10 * kMiB) << "the group with the higher limit";
    const std::string cached = "anon 1\ninactive_file 20971520\nactive_file 31457280\nshmem 99\n";
    files.write("/sys/fs/cgroup/a/memory.stat", cached);
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 60 * kMiB) << "page cache is dropped on demand";
    group("/a", bytes(100), "max\n", bytes(190));
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 0U) << "beyond the limit already";
    files.remove("/sys/fs/cgroup/a/memory.current");
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 70 * kMiB) << "what is not told is left out";
}

TEST_F(Version2, MountPointsMayHaveSpaces) {
    files.write("/proc/self/cgroup", "0::/g\n");
    files.write("/proc/self/mountinfo", "30 23 0:26 / /my\\040groups rw - cgroup2 cgroup rw\n");
    files.write("/my groups/g/memory.max", bytes(64));
    EXPECT_EQ(read_memory_limit(files.root()).limit_bytes, 64 * kMiB);
    files.write("/proc/self/mountinfo", "30 23 0:26 / /my\\134groups rw - cgroup2 cgroup rw\n");
    files.write("/my\\groups/g/memory.max", bytes(32));
    EXPECT_EQ(read_memory_limit(files.root()).limit_bytes, 32 * kMiB) << "or backslashes";
}

class Version1 : public testing::Test {
protected:
    Version1() {
        files.write("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job/7\n0::/other\n");
        files.write("/proc/self/mountinfo",
                    "34 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
                    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        files.write("/sys/fs/cgroup/unified/other/memory.max", bytes(1));
        group("/job/7", kNone, bytes(5));
        group("/job", kNone, bytes(6));
        group("", kNone, bytes(8));
    }
    void group(const std::string& path, const std::string& limit, const std::string& used) {
        files.write("/sys/fs/cgroup/memory" + path + "/memory.limit_in_bytes", limit);
        files.write("/sys/fs/cgroup/memory" + path + "/memory.usage_in_bytes", used);
    }
    static constexpr const char* kNone = "9223372036854771712\n";
    MadeUpFiles files;
};

TEST_F(Version1, GoesBeforeVersion2WhereItHasTheController) {
    group("/job", bytes(90), bytes(6));
    const MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.version, 1);
    EXPECT_EQ(limit.limit_bytes, 90 * kMiB);
    EXPECT_EQ(limit.used_bytes, 6 * kMiB);
    EXPECT_EQ(limit.group, "/sys/fs/cgroup/memory/job");
}

TEST_F(Version1, TheGreatestNumberOfPagesIsNoLimit) {
    EXPECT_FALSE(read_memory_limit(files.root()).limit_bytes);
    group("/job/7", "9223372036854710272\n", bytes(5));  // with pages of 64 KiB
    EXPECT_FALSE(read_memory_limit(files.root()).limit_bytes);
}

TEST_F(Version1, GroupsAboveTheMountPointCount) {
    files.write("/sys/fs/cgroup/memory/job/7/memory.stat",
                "cache 4096\nhierarchical_memory_limit 33554432\nhierarchical_memsw_limit 1\n");
    EXPECT_EQ(read_memory_limit(files.root()).limit_bytes, 32 * kMiB);
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 27 * kMiB);
    files.write("/sys/fs/cgroup/memory/job/7/memory.stat",
                "inactive_file 1\nhierarchical_memory_limit 33554432\ntotal_inactive_file 4194304\n");
    EXPECT_EQ(read_memory_limit(files.root()).room_bytes, 31 * kMiB);
}

TEST(NoGroups, IsNoLimit) {
    const MadeUpFiles files;
    EXPECT_EQ(read_memory_limit(files.root()).version, 0);
    files.write("/proc/self/cgroup", "rubbish\n:\n1:2\n4:memory:/x\n0::/y\n");
    files.write("/proc/self/mountinfo", "rubbish - \n1 2 3 - cgroup\n - cgroup2 a b\n");
    const MemoryLimit limit = read_memory_limit(files.root());
    EXPECT_EQ(limit.version, 0);
    EXPECT_FALSE(limit.limit_bytes);
    EXPECT_FALSE(limit.used_bytes);
}

TEST(ThisMachine, CanBeRead) {
    const ControlGroups groups = find_control_groups("", "memory");
    EXPECT_EQ(groups.version == 0, groups.folders.empty());
    const MemoryLimit limit = read_memory_limit("");
    EXPECT_EQ(limit.version, groups.version);
    EXPECT_EQ(limit.used_bytes.has_value(), !limit.group.empty());
}

}  // namespace
}  // namespace numapool::pressure
