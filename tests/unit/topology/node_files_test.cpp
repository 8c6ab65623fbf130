// Owns: checks of how the kernel's text files are read, on made-up ones.
// Must not know: hwloc.
#include "topology/node_files.h"

#include <gtest/gtest.h>

#include "made_up_machine.h"
#include "os/text_file.h"

namespace numapool::topology {
namespace {

using Ids = std::vector<int>;

TEST(TextFile, IsReadWholeOrNotAtAll) {
    const MadeUpMachine machine;
    const std::string long_text(10000, 'x');
    machine.write("/proc/long", long_text);
    EXPECT_EQ(os::read_text_file(machine.root() + "/proc/long"), long_text);
    EXPECT_EQ(os::read_text_file(machine.root() + "/proc/absent"), std::nullopt);
    EXPECT_EQ(os::read_text_file(machine.root() + "/proc"), std::nullopt);
}

TEST(TextFile, NumbersStandAlone) {
    const MadeUpMachine machine;
    const auto read = [&](const std::string& text) {
        machine.write("/proc/number", text);
        return os::read_number(machine.root() + "/proc/number");
    };
    EXPECT_EQ(read("42\n"), 42U);
    EXPECT_EQ(read(" 0 "), 0U);
    EXPECT_EQ(read("18446744073709551615\n"), 18446744073709551615U);
    for (const char* bad : {"", "\n", "max\n", "-1", "+1", "1 2", "0x10", "18446744073709551616"}) {
        EXPECT_EQ(read(bad), std::nullopt) << bad;
    }
    EXPECT_EQ(os::read_number(machine.root() + "/proc/absent"), std::nullopt);
}

TEST(IdList, IsReadAsTheKernelWritesIt) {
    EXPECT_EQ(parse_id_list("0\n"), (Ids{0}));
    EXPECT_EQ(parse_id_list("0-3,8,10-11\n"), (Ids{0, 1, 2, 3, 8, 10, 11}));
    EXPECT_EQ(parse_id_list("\n"), Ids{});
    EXPECT_EQ(parse_id_list(""), Ids{});
    for (const char* bad : {"a", "1-", "-1", "3-1", "1,,2", "1-2-3", "0-99999999", "99999999999"}) {
        EXPECT_EQ(parse_id_list(bad), std::nullopt) << bad;
    }
}

TEST(IdList, IsWrittenAsItIsRead) {
    for (const char* text : {"", "0", "0-3,8,10-11", "1,3,5", "7-8"}) {
        EXPECT_EQ(format_id_list(*parse_id_list(text)), text);
    }
}

TEST(NodeMemory, IsReadInBytes) {
    const MadeUpMachine machine;
    machine.add_node(3, "0-1", "10", 2048);
    const auto memory = read_node_memory(machine.root(), 3);
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->total_bytes, 2048U * 1024);
    EXPECT_EQ(memory->free_bytes, 1024U * 1024);
    EXPECT_EQ(memory->available_bytes, 1024U * 1024);
    machine.write("/sys/devices/system/node/node3/meminfo",
                  "Node 3 MemTotal: 2048 kB\nNode 3 MemFree: 10 kB\nNode 3 Active(file): 30 kB\n"
                  "Node 3 Inactive(anon): 5 kB\nNode 3 Inactive(file): 7 kB\n");
    EXPECT_EQ(read_node_memory(machine.root(), 3)->available_bytes, 47U * 1024)
        << "page cache can be dropped";
    EXPECT_FALSE(read_node_memory(machine.root(), 0));
    EXPECT_FALSE(read_node_memory(std::string(600, '/'), 3)) << "no path is that long";
}

TEST(MachineMemory, NeedsBothFigures) {
    const MadeUpMachine machine;
    EXPECT_FALSE(read_machine_memory(machine.root()));
    machine.write("/proc/meminfo", "MemTotal:  100 kB\nSwapTotal: 7 kB\n");
    EXPECT_FALSE(read_machine_memory(machine.root()));
    machine.write("/proc/meminfo", "MemTotal:  100 kB\nMemFree:   40 kB\nMemAvailable: 90 kB\n");
    const auto memory = read_machine_memory(machine.root());
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->total_bytes, 100U * 1024);
    EXPECT_EQ(memory->free_bytes, 40U * 1024);
    EXPECT_EQ(memory->available_bytes, 90U * 1024);
}

TEST(Distances, AreAllOrNothing) {
    const MadeUpMachine machine;
    machine.add_node(0, "0", "10 21", 1024);
    machine.add_node(5, "1", "21 10", 1024);
    const Ids nodes{0, 5};
    const std::vector<std::vector<std::uint64_t>> both{{10, 21}, {21, 10}};
    EXPECT_EQ(read_distances(machine.root(), nodes), both);
    EXPECT_TRUE(read_distances(machine.root(), Ids{0}).empty());
    EXPECT_TRUE(read_distances(machine.root(), Ids{0, 6}).empty());
    machine.write("/sys/devices/system/node/node5/distance", "21 here\n");
    EXPECT_TRUE(read_distances(machine.root(), nodes).empty());
}

TEST(HugePages, AreOfTheDefaultSize) {
    const MadeUpMachine machine;
    machine.add_node(1, "0", "10", 1024);
    EXPECT_FALSE(read_node_huge_pages(machine.root(), 1));
    machine.write("/proc/meminfo", "MemTotal: 9 kB\nMemFree: 9 kB\nHugepagesize:       2048 kB\n");
    const std::string folder = "/sys/devices/system/node/node1/hugepages/";
    machine.write(folder + "hugepages-1048576kB/nr_hugepages", "1\n");
    machine.write(folder + "hugepages-1048576kB/free_hugepages", "1\n");
    EXPECT_FALSE(read_node_huge_pages(machine.root(), 1));
    machine.write(folder + "hugepages-2048kB/nr_hugepages", "16\n");
    machine.write(folder + "hugepages-2048kB/free_hugepages", "9\n");
    const auto pages = read_node_huge_pages(machine.root(), 1);
    ASSERT_TRUE(pages);
    EXPECT_EQ(pages->total, 16U);
    EXPECT_EQ(pages->free, 9U);
}

TEST(TransparentHugePages, AreOneOfFourModes) {
    const MadeUpMachine machine;
    const auto mode = [&] { return read_transparent_huge_pages(machine.root()).mode; };
    const std::string folder = "/sys/kernel/mm/transparent_hugepage/";
    EXPECT_EQ(mode(), "unavailable");
    machine.write(folder + "enabled", "[always] madvise never\n");
    EXPECT_EQ(mode(), "always");
    EXPECT_EQ(read_transparent_huge_pages(machine.root()).page_bytes, 0U);
    machine.write(folder + "hpage_pmd_size", "2097152\n");
    EXPECT_EQ(read_transparent_huge_pages(machine.root()).page_bytes, 2097152U);
    machine.write(folder + "enabled", "always [madvise] never\n");
    EXPECT_EQ(mode(), "madvise");
    machine.write(folder + "enabled", "always madvise [never]\n");
    EXPECT_EQ(mode(), "never");
    for (const char* odd : {"", "always madvise never\n", "[always\n", "]never[\n", "[sometimes]\n"}) {
        machine.write(folder + "enabled", odd);
        EXPECT_EQ(mode(), "unavailable") << odd;
        EXPECT_EQ(read_transparent_huge_pages(machine.root()).page_bytes, 0U);
    }
}

TEST(ProcessStatus, TellsWhatIsAllowed) {
    const MadeUpMachine machine;
    EXPECT_FALSE(read_allowed_nodes(machine.root()));
    machine.write("/proc/self/status",
                  "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"
                  "Mems_allowed:\t5\nMems_allowed_list:\t0,2\n");
    EXPECT_EQ(read_allowed_nodes(machine.root()), (Ids{0, 2}));
    EXPECT_EQ(read_allowed_cpus(machine.root()), (Ids{0, 1}));
}

}  // namespace
}  // namespace numapool::topology
