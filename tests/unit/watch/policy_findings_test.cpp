// Owns: checks of what is told when calls that place memory are refused, and of what they leave behind.
// Must not know: the kernel's text files.
#include <cerrno>

#include <gtest/gtest.h>

#include "played_doctor.h"
#include "watch/policy_probe.h"

namespace numapool::watch {
namespace {

constexpr const char* kPolicySubjects[] = {"mbind", "move_pages", "get_mempolicy", "set_mempolicy"};

void refuse_all(int error) {
    for (const Call call : {Call::kBind, Call::kLocate, Call::kSetPolicy, Call::kGetPolicy}) {
        FakeSystemCalls::refuse(call, error);
    }
}

TEST(PolicyFindings, AreGoodWhereEverythingWorks) {
    const PlayedDoctor doctor;
    for (const char* subject : kPolicySubjects) {
        const Finding finding = doctor.find(subject);
        EXPECT_EQ(finding.state, FindingState::kGood) << subject << ": " << finding.found;
        EXPECT_EQ(finding.remedy, "");
        EXPECT_TRUE(has(finding.found, "nodes 0-1")) << finding.found;
    }
    EXPECT_EQ(doctor.find("thread binding").state, FindingState::kGood);
}

TEST(PolicyFindings, EveryUsableNodeIsTriedAndNoOther) {
    PlayedDoctor doctor;
    doctor.topology.nodes.push_back({.id = 2, .cpus = {}, .total_bytes = 0});
    doctor.topology.nodes.push_back({.id = 3, .cpus = {}, .total_bytes = kGiB, .allowed = false});
    doctor.topology.nodes.push_back({.id = 5, .cpus = {}, .total_bytes = kGiB});
    const PolicyProbe probe = probe_policies(doctor.topology);
    ASSERT_EQ(probe.nodes.size(), 3U);
    EXPECT_EQ(probe.nodes[2].node, 5);
    for (const NodeTrial& trial : probe.nodes) EXPECT_EQ(trial.lies_on, trial.node);
    EXPECT_FALSE(probe.nodes[2].set_affinity) << "it has no CPUs";
    EXPECT_TRUE(FakeSystemCalls::binds().empty()) << "the pages are unmapped again";
}

TEST(PolicyFindings, TheCallersThreadStaysAsItWas) {
    const PlayedDoctor doctor;
    const std::vector<int> cpus = topology::current_cpus();
    ASSERT_EQ(os::prefer_node_for_thread(1), 0);
    const Finding policy = doctor.find("thread policy");
    EXPECT_EQ(FakeSystemCalls::thread_policy().mode, 1);
    EXPECT_EQ(FakeSystemCalls::thread_policy().nodes, std::vector{1});
    EXPECT_EQ(topology::current_cpus(), cpus);
    EXPECT_EQ(policy.state, FindingState::kNote);
    EXPECT_TRUE(has(policy.found, "preferred on node 1")) << policy.found;
}

class Refused : public testing::TestWithParam<int> {
protected:
    const char* name() const { return GetParam() == EPERM ? "EPERM" : "ENOSYS"; }
    PlayedDoctor doctor;
};

INSTANTIATE_TEST_SUITE_P(With, Refused, testing::Values(EPERM, ENOSYS),
                         [](const auto& tested) { return tested.param == EPERM ? "EPERM" : "ENOSYS"; });

TEST_P(Refused, F36_DoctorTellsEachCallItsErrorAndARemedy) {
    refuse_all(GetParam());
    for (const char* subject : kPolicySubjects) {
        const Finding finding = doctor.find(subject);
        EXPECT_EQ(finding.state, FindingState::kCannot) << subject;
        EXPECT_TRUE(has(finding.found, name())) << finding.found;
        EXPECT_TRUE(has(finding.remedy, "docker run")) << finding.remedy;
    }
    EXPECT_TRUE(has(doctor.find("mbind").remedy, "SYS_NICE"));
    EXPECT_TRUE(has(doctor.find("mbind").found, "first toucher"));
    EXPECT_EQ(doctor.find("thread policy").state, FindingState::kNote);
    EXPECT_TRUE(doctor.diagnose().everything_asked_works) << "nothing was asked for";
}

TEST_P(Refused, F36_DoctorTellsThatStrictCannotWorkAndAdvisoryCan) {
    FakeSystemCalls::refuse(Call::kBind, GetParam());
    const Finding strict = doctor.find("bind strict", {.bind = BindMode::kStrict});
    EXPECT_EQ(strict.state, FindingState::kCannot);
    EXPECT_TRUE(has(strict.found, name())) << strict.found;
    EXPECT_TRUE(strict.asked);
    EXPECT_FALSE(doctor.diagnose({.bind = BindMode::kStrict}).everything_asked_works);
    EXPECT_EQ(doctor.find("bind advisory", {.bind = BindMode::kAdvisory}).state, FindingState::kLimited);
    EXPECT_EQ(doctor.find("bind none", {.bind = BindMode::kNone}).state, FindingState::kGood);
    EXPECT_TRUE(doctor.diagnose({.bind = BindMode::kAdvisory}).everything_asked_works);
}

TEST_P(Refused, F36_DoctorTellsThatANodeCanStillBeHadByFirstTouch) {
    FakeSystemCalls::refuse(Call::kBind, GetParam());
    EXPECT_EQ(doctor.find("node 1", {.nodes = {1}}).state, FindingState::kLimited);
    doctor.topology.nodes[1].cpus.clear();
    EXPECT_EQ(doctor.find("node 1", {.nodes = {1}}).state, FindingState::kCannot)
        << "no thread can run there";
}

TEST_P(Refused, F36_DoctorTellsThatOneNodeNeedsNoPolicy) {
    FakeSystemCalls::refuse(Call::kBind, GetParam());
    doctor.topology.nodes.pop_back();
    EXPECT_EQ(doctor.find("node 0", {.nodes = {0}}).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("bind strict", {.bind = BindMode::kStrict}).state, FindingState::kGood);
    EXPECT_TRUE(has(doctor.find("mbind").found, "nothing is lost"));
}

TEST_P(Refused, F37_DoctorTellsThatGetMempolicyStandsInForMovePages) {
    FakeSystemCalls::refuse(Call::kLocate, GetParam());
    const Finding finding = doctor.find("move_pages");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, name())) << finding.found;
    EXPECT_TRUE(has(finding.found, "get_mempolicy answers")) << finding.found;
    EXPECT_EQ(doctor.find("bind strict", {.bind = BindMode::kStrict}).state, FindingState::kGood);
}

TEST_P(Refused, F37_DoctorTellsThatStrictNeedsALookUp) {
    FakeSystemCalls::refuse(Call::kLocate, GetParam());
    FakeSystemCalls::refuse(Call::kGetPolicy, GetParam());
    EXPECT_EQ(doctor.find("move_pages").state, FindingState::kCannot);
    const Finding strict = doctor.find("bind strict", {.bind = BindMode::kStrict});
    EXPECT_EQ(strict.state, FindingState::kCannot);
    EXPECT_TRUE(has(strict.found, "cannot be looked up")) << strict.found;
    EXPECT_EQ(doctor.find("node 1", {.nodes = {1}}).state, FindingState::kGood) << "the policy was accepted";
}

TEST(PolicyFindings, RemediesFitTheError) {
    const PlayedDoctor doctor;
    FakeSystemCalls::refuse(Call::kBind, EINVAL);
    EXPECT_TRUE(has(doctor.find("mbind").remedy, "has_memory"));
    EXPECT_TRUE(has(doctor.find("node 1", {.nodes = {1}}).remedy, "lists; or bind the threads"));
    FakeSystemCalls::refuse(Call::kBind, ENOMEM);
    EXPECT_EQ(doctor.find("mbind").remedy, "");
    EXPECT_EQ(doctor.find("node 1", {.nodes = {1}}).remedy, "bind the threads that touch memory first");
}

TEST(PolicyFindings, F36_DoctorTellsAKernelWithoutNuma) {
    PlayedDoctor doctor;
    refuse_all(ENOSYS);
    doctor.files.write("/sys/devices/system/node/online", "none");
    EXPECT_EQ(doctor.find("nodes").state, FindingState::kLimited);
    for (const char* subject : kPolicySubjects)
        EXPECT_TRUE(has(doctor.find(subject).remedy, "CONFIG_NUMA=y"));
}

TEST(PolicyFindings, F39_DoctorTellsAFullNode) {
    const PlayedDoctor doctor;
    FakeSystemCalls::fill_node(1, 0);
    const Finding finding = doctor.find("mbind");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "preferred on node 1 (4 GiB free) lies on node 0")) << finding.found;
    EXPECT_EQ(doctor.find("node 1", {.nodes = {1}}).state, FindingState::kCannot);
    EXPECT_EQ(doctor.find("node 0", {.nodes = {0, 1}}).state, FindingState::kGood);
    EXPECT_EQ(doctor.find("bind strict", {.bind = BindMode::kStrict}).state, FindingState::kCannot);
    EXPECT_EQ(doctor.find("bind strict", {.nodes = {0}, .bind = BindMode::kStrict}).state,
              FindingState::kGood);
}

TEST(PolicyFindings, ThreadsThatCannotBeBoundAreTold) {
    PlayedDoctor doctor;
    doctor.topology.nodes[1].cpus = {100000};
    const Finding finding = doctor.find("thread binding");
    EXPECT_EQ(finding.state, FindingState::kLimited);
    EXPECT_TRUE(has(finding.found, "EINVAL")) << finding.found;
    EXPECT_TRUE(has(finding.remedy, "node 1")) << finding.remedy;
}

}  // namespace
}  // namespace numapool::watch
