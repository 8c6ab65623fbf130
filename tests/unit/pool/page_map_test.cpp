// Owns: checks of where's ladder of questions, on a system that refuses some of them.
// Must not know: how each question is asked.
#include "numapool/page_map.h"

#include <linux/mempolicy.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "fakes/fake_system_calls.h"
#include "os/memory_policy.h"
#include "os/virtual_memory.h"

namespace numapool {
namespace {

using fakes::Call;
using fakes::FakeSystemCalls;

// 3000 pages, the first 2000 present, on node 2 of the played machine.
class WhereLadder : public testing::Test {
protected:
    WhereLadder() {
        EXPECT_EQ(os::commit(start_, kPages * page_), 0);
        os::advise_huge_pages(start_, kPages * page_, false);
        for (std::size_t i = 0; i < kPresent; ++i) *reinterpret_cast<volatile char*>(start_ + i * page_) = 1;
        EXPECT_EQ(os::prefer_node(start_, kPages * page_, 2), 0);
    }
    ~WhereLadder() override { os::release(start_, kPages * page_); }
    PageMap look() const { return where(reinterpret_cast<void*>(start_), kPages * page_); }

    static constexpr std::size_t kPages = 3000;
    static constexpr std::size_t kPresent = 2000;
    FakeSystemCalls fake_;
    const std::size_t page_ = os::page_bytes();
    const std::uintptr_t start_ = os::reserve(kPages * page_, page_);
};

TEST_F(WhereLadder, TheFirstRungIsMovePages) {
    EXPECT_EQ(to_string(look()), "{2: 2000 pages, absent: 1000 pages} verified");
    EXPECT_EQ(FakeSystemCalls::count(Call::kGetPolicy), 0U);
}

TEST_F(WhereLadder, F37_TheSecondIsGetMempolicy) {
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    EXPECT_EQ(to_string(look()), "{2: 2000 pages, absent: 1000 pages} verified");
    EXPECT_EQ(os::resident_bytes(start_, kPages * page_), kPresent * page_) << "nothing is faulted in";
}

TEST_F(WhereLadder, F37_TheThirdIsTheMappingAndSaysSo) {
    FakeSystemCalls::refuse(Call::kLocate, EPERM);
    FakeSystemCalls::refuse(Call::kGetPolicy, EPERM);
    const PageMap map = look();
    if (map.unknown == kPages) GTEST_SKIP() << "this kernel has no numa_maps";
    // The files are the kernel's own: they tell where the pages really lie, which the played machine does
    // not know.
    EXPECT_EQ(map.evidence, map.unknown == 0 ? Evidence::kMappings : Evidence::kNone);
    EXPECT_EQ(map.total(), kPages);
    EXPECT_EQ(map.absent, kPages - kPresent);
    EXPECT_EQ(map.pages_on.count(2), 0U) << "no one said so";
    EXPECT_EQ(os::resident_bytes(start_, kPages * page_), kPresent * page_) << "nothing is faulted in";
}

TEST_F(WhereLadder, F37_WhatNoRungTellsIsUnknown) {
    for (const Call call : {Call::kLocate, Call::kGetPolicy, Call::kResident}) {
        FakeSystemCalls::refuse(call, EPERM);
    }
    EXPECT_EQ(to_string(look()), "{unknown: 3000 pages} unverified");
}

TEST_F(WhereLadder, F37_OneRefusalWeakensTheWholeAnswer) {
    FakeSystemCalls::refuse(Call::kLocate, EIO, 2, 1);  // the second 1024 pages
    const PageMap map = look();
    EXPECT_EQ(map.total(), kPages);
    EXPECT_GE(map.pages_on.at(2), 1024U);
    EXPECT_NE(map.evidence, Evidence::kPages);
}

}  // namespace
}  // namespace numapool
