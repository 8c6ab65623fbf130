// Owns: checks of what is told of nodes and the kernel, of what is asked for, and of the whole.
// Must not know: how calls are tried.
#include "numapool/diagnosis.h"

#include <set>

#include <gtest/gtest.h>

#include "numapool/errors.h"

#include "played_doctor.h"

namespace numapool::watch {
namespace {

class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(Diagnosis, OfNothingAskedIsFine) {
    const PlayedDoctor doctor;
    const Diagnosis diagnosis = doctor.diagnose();
    EXPECT_TRUE(diagnosis.everything_asked_works);
    std::set<std::string> subjects;
    for (const Finding& finding : diagnosis.findings) {
        EXPECT_TRUE(subjects.insert(finding.subject).second) << finding.subject << " is told twice";
        EXPECT_FALSE(finding.asked);
        EXPECT_NE(finding.found, "");
        EXPECT_TRUE(finding.state != FindingState::kGood || finding.remedy.empty()) << finding.subject;
    }
    for (const char* subject :
         {"nodes",      "distances",  "allowed nodes",  "cpus",          "thread policy",
          "mbind",      "move_pages", "get_mempolicy",  "set_mempolicy", "thread binding",
          "huge pages", "hugetlb",    "memory limit",   "overcommit",    "address space",
          "maps",       "swap",       "numa balancing", "zone reclaim",  "kernel"}) {
        EXPECT_EQ(subjects.count(subject), 1U) << subject;
    }
}

TEST(Diagnosis, OfThisMachineCanBeMade) {
    const Diagnosis diagnosis = numapool::diagnose();
    EXPECT_TRUE(diagnosis.everything_asked_works);
    EXPECT_GT(diagnosis.findings.size(), 15U);
}

TEST(NodeFindings, NodesDistancesAndMemoryAreTold) {
    PlayedDoctor doctor;
    doctor.topology.source = "a play";
    const Finding nodes = doctor.find("nodes");
    EXPECT_TRUE(has(nodes.found, "; from a play")) << nodes.found;
    EXPECT_TRUE(has(nodes.found, "2 nodes: 0 (8 GiB, 4 GiB free")) << nodes.found;
    EXPECT_TRUE(has(doctor.find("distances").found, "from 0: 10 21; from 1: 21 10"));
    EXPECT_EQ(doctor.find("allowed nodes").found, "nodes 0-1");
}

TEST(NodeFindings, NodesOutsideTheCpusetAreTold) {
    PlayedDoctor doctor;
    doctor.topology.nodes[1].allowed = false;
    const Finding finding = doctor.find("allowed nodes");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "memory of node 1 is outside")) << finding.found;
    EXPECT_TRUE(has(finding.remedy, "--cpuset-mems")) << finding.remedy;
    const Finding asked = doctor.find("node 1", {.nodes = {1}});
    EXPECT_EQ(asked.state, FindingState::kCannot);
    EXPECT_TRUE(has(asked.found, "cpuset")) << asked.found;
}

TEST(NodeFindings, ABindingByTheLauncherIsToldApartFromACpuset) {
    PlayedDoctor doctor;
    const std::vector<int> mine = topology::current_cpus();
    ASSERT_FALSE(mine.empty());
    EXPECT_EQ(doctor.find("cpus").state, FindingState::kGood);
    doctor.files.write("/sys/devices/system/cpu/online", "0-4095\n");
    EXPECT_EQ(doctor.find("cpus").state, FindingState::kNote);
    doctor.files.write("/proc/self/cgroup", "0::/\n");
    doctor.files.write("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    doctor.files.write("/sys/fs/cgroup/cpuset.cpus.effective", "0-4095\n");
    EXPECT_TRUE(has(doctor.find("cpus").found, "launcher (taskset, numactl) or a parent"));
    std::string list;
    for (const int cpu : mine) list += (list.empty() ? "" : ",") + std::to_string(cpu);
    doctor.files.write("/sys/fs/cgroup/cpuset.cpus.effective", list);
    EXPECT_TRUE(has(doctor.find("cpus").found, "cpuset of its control group"));
    doctor.topology.nodes[1].cpus = {4000};
    const Finding finding = doctor.find("cpus");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "no thread runs on node 1")) << finding.found;
}

TEST(KernelFindings, NumaBalancingMattersWithSeveralNodes) {
    PlayedDoctor doctor;
    EXPECT_EQ(doctor.find("numa balancing").found, "not in this kernel");
    doctor.files.write("/proc/sys/kernel/numa_balancing", "1\n");
    doctor.files.write("/proc/sys/vm/zone_reclaim_mode", "1\n");
    EXPECT_EQ(doctor.find("numa balancing").state, FindingState::kNote);
    EXPECT_EQ(doctor.find("zone reclaim").state, FindingState::kNote);
    doctor.topology.nodes.pop_back();
    EXPECT_EQ(doctor.find("numa balancing").state, FindingState::kGood);
    EXPECT_EQ(doctor.find("zone reclaim").state, FindingState::kGood);
    doctor.topology.nodes.push_back({.id = 1, .cpus = {}, .total_bytes = kGiB});
    doctor.files.write("/proc/sys/kernel/numa_balancing", "0\n");
    EXPECT_EQ(doctor.find("numa balancing").state, FindingState::kGood);
}

TEST(KernelFindings, TheWayToTheCurrentNodeIsTold) {
    const PlayedDoctor doctor;
    doctor.files.write("/proc/sys/kernel/osrelease", "5.15.0-91-generic\n");
    const Finding finding = doctor.find("kernel");
    EXPECT_EQ(finding.state, FindingState::kNote) << "a replaced table does not read rseq";
    EXPECT_TRUE(has(finding.found, "5.15.0-91-generic; the current node is asked of getcpu"))
        << finding.found;
}

TEST(AskedNodes, MustExistAndHaveMemory) {
    PlayedDoctor doctor;
    doctor.topology.nodes.push_back({.id = 4, .cpus = {}, .total_bytes = 0});
    const DiagnosisRequest request{.nodes = {1, 4, 9, 1}};
    EXPECT_EQ(doctor.find("node 1", request).state, FindingState::kGood);
    EXPECT_TRUE(has(doctor.find("node 4", request).found, "no memory"));
    EXPECT_TRUE(has(doctor.find("node 9", request).found, "this machine has nodes 0-1,4"));
    EXPECT_EQ(doctor.find("node 9", request).state, FindingState::kCannot);
    EXPECT_TRUE(has(doctor.find("node 9", request).remedy, "nodes 0-1"));
    EXPECT_FALSE(doctor.diagnose(request).everything_asked_works);
    EXPECT_TRUE(doctor.diagnose({.nodes = {0, 1}}).everything_asked_works);
}

TEST(AskedByTheEnvironment, CountsAsTheRequestDoes) {
    const PlayedDoctor doctor;
    const Variable bind("NUMAPOOL_BIND", "strict");
    const Variable huge("NUMAPOOL_HUGE_PAGES", "never");
    const Variable most("NUMAPOOL_MAX_BYTES", "17G");
    const DiagnosisRequest request{.bind = BindMode::kNone, .max_bytes = kGiB};
    EXPECT_TRUE(doctor.find("NUMAPOOL_BIND=strict", request).asked);
    EXPECT_EQ(doctor.find("NUMAPOOL_BIND=strict", request).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("bind none", request).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("NUMAPOOL_HUGE_PAGES=never", request).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("max_bytes 1 GiB", request).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("NUMAPOOL_MAX_BYTES=17 GiB", request).state, FindingState::kCannot);
    EXPECT_FALSE(doctor.diagnose(request).everything_asked_works);
}

TEST(AskedByTheEnvironment, DisabledPoolsPlaceNothing) {
    const PlayedDoctor doctor;
    const Variable disable("NUMAPOOL_DISABLE", "1");
    EXPECT_EQ(doctor.find("NUMAPOOL_DISABLE=1").state, FindingState::kNote);
    EXPECT_TRUE(doctor.diagnose().everything_asked_works);
    const DiagnosisRequest request{.nodes = {0}, .bind = BindMode::kStrict, .huge_pages = HugePages::kAlways};
    for (const char* subject : {"node 0", "bind strict", "huge pages always"}) {
        EXPECT_EQ(doctor.find(subject, request).state, FindingState::kCannot) << subject;
    }
    EXPECT_TRUE(doctor.diagnose({.bind = BindMode::kAdvisory}).everything_asked_works);
}

TEST(AskedByTheEnvironment, WhatCannotBeReadIsRefused) {
    const PlayedDoctor doctor;
    for (const char* name :
         {"NUMAPOOL_BIND", "NUMAPOOL_HUGE_PAGES", "NUMAPOOL_MAX_BYTES", "NUMAPOOL_DISABLE"}) {
        const Variable bad(name, "perhaps");
        EXPECT_THROW(doctor.diagnose(), ArgumentError) << name;
    }
    EXPECT_THROW(doctor.diagnose({.max_bytes = 0}), ArgumentError);
}

}  // namespace
}  // namespace numapool::watch
