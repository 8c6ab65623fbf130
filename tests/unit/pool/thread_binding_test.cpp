// Owns: checks of binding threads to nodes: what a launcher left, what is told of it, undoing in any order.
// Must not know: the machine at hand, but for the CPUs that its threads may use.
#include "pool/thread_binding.h"

#include <linux/mempolicy.h>

#include <cerrno>
#include <thread>

#include <gtest/gtest.h>

#include "numapool/errors.h"

#include "played_pool.h"
#include "pool/binding_stack.h"
#include "topology/cpu_binding.h"

namespace numapool::detail {
namespace {

using topology::current_cpus;
using topology::Launch;
using Ids = std::vector<int>;

// Nodes 0 and 1 have the first and the last CPU that this process may use (the same where it has only one),
// and as many beside them that it may not; node 2 has no CPUs left, node 3 none at all; 4 lends no memory.
Launch two_nodes(const Ids& cpus) {
    Launch launch;
    const int first = cpus.front();
    const int last = cpus.back();
    launch.machine.nodes = {{0, {first}, kGiB, kGiB, true, 0, 0},
                            {1, {last}, kGiB, kGiB, true, 0, 0},
                            {2, {}, kGiB, kGiB, true, 0, 0},
                            {3, {}, kGiB, kGiB, true, 0, 0},
                            {4, {first}, kGiB, kGiB, false, 0, 0}};
    launch.all_cpus = {{0, {first}}, {1, {last, last + 500}}, {2, {700, 701, 702}}, {3, {}}, {4, {first}}};
    return launch;
}

class ThreadBinding : public testing::Test {
protected:
    // On a thread of its own, so that nothing is left behind.
    template <class Body>
    void on_new_thread(Body body) {
        std::thread thread(body);
        thread.join();
    }

    FakeSystemCalls fake_;
    const Ids cpus_ = current_cpus();
    const Launch launch_ = two_nodes(cpus_);
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(ThreadBinding, BindsCpusAndMemoryAndPutsBothBack) {
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        const BoundThread bound = bind_calling_thread(0, launch_);
        EXPECT_EQ(bound.cpus, Ids{cpus_.front()});
        EXPECT_EQ(bound.note, "");
        EXPECT_EQ(current_cpus(), bound.cpus);
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_PREFERRED);
        EXPECT_EQ(FakeSystemCalls::thread_policy().nodes, Ids{0});
        EXPECT_EQ(stack.undo(bound.id), 0);
        EXPECT_EQ(current_cpus(), cpus_);
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_DEFAULT);
        EXPECT_EQ(stack.size(), 0U);
        EXPECT_EQ(stack.undo(bound.id), 0) << "a second time does nothing";
    });
}

TEST_F(ThreadBinding, NestedOnesAreUndoneInAnyOrder) {
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        ASSERT_EQ(os::prefer_node_for_thread(1), 0) << "set by the program after the first look";
        for (const bool outer_first : {false, true}) {
            const BoundThread outer = bind_calling_thread(0, launch_);
            const BoundThread inner = bind_calling_thread(1, launch_);
            EXPECT_EQ(current_cpus(), Ids{cpus_.back()}) << "an earlier binding does not narrow a later one";
            EXPECT_EQ(stack.undo(outer_first ? outer.id : inner.id), 0);
            EXPECT_EQ(current_cpus(), Ids{outer_first ? cpus_.back() : cpus_.front()});
            EXPECT_EQ(FakeSystemCalls::thread_policy().nodes, Ids{outer_first ? 1 : 0});
            EXPECT_EQ(stack.undo(outer_first ? inner.id : outer.id), 0);
            EXPECT_EQ(current_cpus(), cpus_);
            EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_PREFERRED);
            EXPECT_EQ(FakeSystemCalls::thread_policy().nodes, Ids{1});
        }
    });
}

TEST_F(ThreadBinding, KeptOnesAreUndoneTogether) {
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        for (int round = 0; round < 100; ++round) {
            const std::uint64_t id = bind_calling_thread(round % 2, launch_).id;
            stack.keep(id);
            stack.abandon(id);
        }
        EXPECT_EQ(stack.size(), 1U) << "a loop does not grow what is remembered";
        const BoundThread scope = bind_calling_thread(0, launch_);
        EXPECT_EQ(stack.undo_kept(), 0);
        EXPECT_EQ(current_cpus(), scope.cpus) << "the scope's own binding stays until its end";
        EXPECT_EQ(stack.undo(scope.id), 0);
        EXPECT_EQ(current_cpus(), cpus_);
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_DEFAULT);
        EXPECT_EQ(stack.undo_kept(), 0) << "nothing is left to undo";
    });
}

TEST_F(ThreadBinding, AScopesEndEndsWhatWasKeptInIt) {
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        const BoundThread scope = bind_calling_thread(4, launch_);  // the policy is left alone
        const BoundThread kept = bind_calling_thread(1, launch_);   // and set here
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_PREFERRED);
        stack.keep(kept.id);
        EXPECT_EQ(stack.undo(scope.id), 0);
        EXPECT_EQ(current_cpus(), cpus_);
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_DEFAULT);
    });
}

TEST_F(ThreadBinding, TellsWhichCpusALauncherLeft) {
    on_new_thread([&] {
        const BoundThread bound = bind_calling_thread(1, launch_);
        const std::string last = std::to_string(cpus_.back());
        EXPECT_EQ(bound.note, "the launcher allows CPU " + last + " of node 1's " + last + "," +
                                  std::to_string(cpus_.back() + 500));
        EXPECT_EQ(current_cpus(), Ids{cpus_.back()});
    });
}

TEST_F(ThreadBinding, ANodeThatTheLauncherLeftNothingOfIsRefusedNamingTheMask) {
    on_new_thread([&] {
        const auto message = [&](int node) {
            try {
                bind_calling_thread(node, launch_);
            } catch (const ArgumentError& error) {
                EXPECT_EQ(error.code(), ErrorCode::kInvalidNode);
                return std::string(error.what());
            }
            return std::string("not refused");
        };
        EXPECT_TRUE(contains(message(2), "node 2")) << message(2);
        EXPECT_TRUE(contains(message(2), "CPUs 700-702, the launcher allows CPU")) << message(2);
        EXPECT_TRUE(contains(message(2), "possible: 0-1,4")) << message(2);
        EXPECT_EQ(message(3), "node 3 has no CPUs that this process may use; possible: 0-1,4");
        EXPECT_EQ(message(77), "node 77 does not exist; possible: 0-1,4");
        EXPECT_EQ(message(-1), "node -1 does not exist; possible: 0-1,4");
        EXPECT_EQ(current_cpus(), cpus_);
        EXPECT_EQ(BindingStack::of_this_thread()->size(), 0U);
    });
}

TEST_F(ThreadBinding, ALaunchersMemoryPolicyStays) {
    on_new_thread([&] {
        Launch launch = launch_;
        launch.policy.mode = MPOL_BIND;
        launch.policy.nodes.add(1);
        const BoundThread bound = bind_calling_thread(0, launch);
        EXPECT_EQ(bound.note, "the launcher's memory policy stays: membind=1");
        EXPECT_EQ(FakeSystemCalls::count(Call::kSetPolicy), 0U);
        EXPECT_EQ(current_cpus(), bound.cpus);
        EXPECT_EQ(BindingStack::of_this_thread()->undo(bound.id), 0);
        EXPECT_EQ(FakeSystemCalls::count(Call::kSetPolicy), 0U);
        launch.policy = {MPOL_LOCAL, {}};
        EXPECT_EQ(bind_calling_thread(0, launch).note, "the launcher's memory policy stays: localalloc");
    });
}

TEST_F(ThreadBinding, ANodeWithoutMemoryForThisProcessBindsCpusOnly) {
    on_new_thread([&] {
        const BoundThread bound = bind_calling_thread(4, launch_);
        EXPECT_EQ(bound.note, "node 4 has no memory for this process: the policy stays");
        EXPECT_EQ(FakeSystemCalls::count(Call::kSetPolicy), 0U);
        EXPECT_EQ(current_cpus(), bound.cpus);
    });
}

TEST_F(ThreadBinding, F36_WithoutAMemoryPolicyTheCpusAreBoundAllTheSame) {
    const Messages messages;
    on_new_thread([&] {
        for (const Call refused : {Call::kSetPolicy, Call::kGetPolicy}) {
            FakeSystemCalls::allow_all();
            FakeSystemCalls::refuse(refused, EPERM);
            const BoundThread bound = bind_calling_thread(0, launch_);
            EXPECT_TRUE(contains(bound.note, "memory policy could not be set (Operation not permitted)"))
                << bound.note;
            EXPECT_EQ(current_cpus(), bound.cpus);
            EXPECT_EQ(BindingStack::of_this_thread()->undo(bound.id), 0) << "nothing of it has to be undone";
            EXPECT_EQ(current_cpus(), cpus_);
        }
    });
    ASSERT_EQ(messages.all().size(), 1U) << "told once";
    EXPECT_TRUE(contains(messages.all()[0], "allow set_mempolicy"));
}

TEST_F(ThreadBinding, F36_AdviceFitsTheRefusal) {
    on_new_thread([&] {
        FakeSystemCalls::refuse(Call::kSetPolicy, EINVAL);
        const std::string note = bind_calling_thread(0, launch_).note;
        EXPECT_TRUE(contains(note, "Invalid argument")) << note;
        EXPECT_FALSE(contains(note, "allow set_mempolicy")) << "nobody forbade it: " << note;
    });
}

TEST_F(ThreadBinding, WhatTheSystemWillNotBringBackStays) {
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        const BoundThread bound = bind_calling_thread(0, launch_);
        FakeSystemCalls::refuse(Call::kSetPolicy, EPERM, 1, 1);
        EXPECT_EQ(stack.undo(bound.id), EPERM);
        EXPECT_EQ(stack.size(), 1U);
        EXPECT_EQ(current_cpus(), bound.cpus) << "all or nothing";
        EXPECT_EQ(stack.undo(bound.id), 0) << "it can be tried again";
        EXPECT_EQ(FakeSystemCalls::thread_policy().mode, MPOL_DEFAULT);
    });
}

TEST_F(ThreadBinding, EachThreadHasBindingsOfItsOwn) {
    std::uint64_t elsewhere = 0;
    on_new_thread([&] { elsewhere = bind_calling_thread(0, launch_).id; });
    on_new_thread([&] {
        BindingStack& stack = *BindingStack::of_this_thread();
        const std::uint64_t here = bind_calling_thread(0, launch_).id;
        EXPECT_NE(here, elsewhere);
        EXPECT_TRUE(stack.made(here));
        EXPECT_FALSE(stack.made(elsewhere));
        EXPECT_EQ(stack.undo(elsewhere), 0);
        EXPECT_EQ(current_cpus(), Ids{cpus_.front()}) << "another thread's binding is not touched";
    });
    EXPECT_EQ(current_cpus(), cpus_);
}

}  // namespace
}  // namespace numapool::detail
