// Owns: a folder that looks like a machine's /sys and /proc, made for a test and removed after it.
// Must not know: what the code under test reads of it.
#include "made_up_machine.h"

#include <stdlib.h>

#include <sstream>

namespace numapool::topology {
namespace {

// "0-2,5" as the kernel's bit map of 32 CPUs.
std::string cpu_map(const std::string& list) {
    unsigned bits = 0;
    std::istringstream ranges(list);
    for (std::string range; std::getline(ranges, range, ',');) {
        const std::size_t dash = range.find('-');
        const int first = std::stoi(range);
        const int last = dash == std::string::npos ? first : std::stoi(range.substr(dash + 1));
        for (int cpu = first; cpu <= last; ++cpu) bits |= 1U << cpu;
    }
    std::ostringstream text;
    text << std::hex << bits << '\n';
    return text.str();
}

}  // namespace

void MadeUpMachine::add_cpus(int count) const {
    const std::string all = count == 1 ? "0" : "0-" + std::to_string(count - 1);
    write("/sys/devices/system/cpu/online", all + "\n");
    write("/sys/devices/system/cpu/possible", all + "\n");
    write("/sys/devices/system/cpu/present", all + "\n");
    for (int cpu = 0; cpu < count; ++cpu) {
        const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
        write(folder + "physical_package_id", "0\n");
        write(folder + "core_id", std::to_string(cpu) + "\n");
        write(folder + "core_cpus", cpu_map(std::to_string(cpu)));
        write(folder + "thread_siblings", cpu_map(std::to_string(cpu)));
        write(folder + "package_cpus", cpu_map(all));
        write(folder + "core_siblings", cpu_map(all));
    }
}

void MadeUpMachine::add_node(int id, const std::string& cpus, const std::string& distances,
                             long total_kib) const {
    const std::string number = std::to_string(id);
    const std::string folder = "/sys/devices/system/node/node" + number + "/";
    write(folder + "cpulist", cpus + "\n");
    write(folder + "cpumap", cpu_map(cpus));
    write(folder + "distance", distances + "\n");
    write(folder + "meminfo", "Node " + number + " MemTotal:       " + std::to_string(total_kib) +
                                  " kB\nNode " + number +
                                  " MemFree:        " + std::to_string(total_kib / 2) + " kB\nNode " +
                                  number + " HugePages_Total:     0\n");
}

void MadeUpMachine::set_online_nodes(const std::string& nodes) const {
    write("/sys/devices/system/node/online", nodes + "\n");
    write("/sys/devices/system/node/possible", nodes + "\n");
}

HwlocLooksBelow::HwlocLooksBelow(const std::string& root) { ::setenv("HWLOC_FSROOT", root.c_str(), 1); }

HwlocLooksBelow::~HwlocLooksBelow() { ::unsetenv("HWLOC_FSROOT"); }

}  // namespace numapool::topology
