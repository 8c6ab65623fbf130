// Owns: the check that memory given back stays given back where the kernel makes huge pages of what it finds.
// Must not know: how the pool gives memory back.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "nodes.h"

namespace numapool::vm {
namespace {

constexpr std::size_t kHuge = 2 * kMiB;
const std::string kSettings = "/sys/kernel/mm/transparent_hugepage/";
constexpr std::chrono::seconds kPatience{60};

std::string said(const std::string& name) {
    std::string text;
    std::getline(std::ifstream(kSettings + name), text);
    return text;
}

/// While it lives, khugepaged looks at all memory all the time, and one page of 512 is enough for it.
class EagerKernel {
public:
    EagerKernel() {
        for (const auto& [name, value] : kEager) {
            before_.push_back(said(name));
            write(name, value);
        }
    }
    ~EagerKernel() {
        for (std::size_t i = 0; i < before_.size(); ++i) write(kEager[i].first, before_[i]);
    }
    EagerKernel(const EagerKernel&) = delete;
    EagerKernel& operator=(const EagerKernel&) = delete;

    static bool worked() {
        return std::all_of(std::begin(kEager), std::end(kEager),
                           [](const auto& setting) { return said(setting.first) == setting.second; });
    }
    /// Until all memory was looked at so many times more.
    static bool wait_for_scans(long scans) {
        const long enough = scans_done() + scans;
        return wait_until([&] { return scans_done() >= enough; });
    }
    template <class Condition>
    static bool wait_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return true;
    }

private:
    static inline const std::pair<std::string, std::string> kEager[] = {
        {"khugepaged/defrag", "1"},
        {"khugepaged/max_ptes_none", "511"},
        {"khugepaged/pages_to_scan", "100000"},
        {"khugepaged/alloc_sleep_millisecs", "10"},
        {"khugepaged/scan_sleep_millisecs", "10"},  // last: it wakes the kernel's thread
    };
    static long scans_done() { return std::stol(said("khugepaged/full_scans")); }
    static void write(const std::string& name, const std::string& value) {
        std::ofstream(kSettings + name) << value << std::endl;
    }

    std::vector<std::string> before_;
};

std::size_t resident(std::uintptr_t begin, std::size_t bytes) {
    std::vector<unsigned char> pages(bytes / 4096);
    if (::mincore(reinterpret_cast<void*>(begin), bytes, pages.data()) != 0) return ~std::size_t{0};
    return 4096 * static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(),
                                                         [](unsigned char page) { return (page & 1) != 0; }));
}

/// The units of 2 MiB that a block lies in.
void add_units(std::set<std::uintptr_t>& units, const void* block, std::size_t bytes) {
    const auto begin = reinterpret_cast<std::uintptr_t>(block);
    for (std::uintptr_t unit = begin / kHuge; unit <= (begin + bytes - 1) / kHuge; ++unit)
        units.insert(unit * kHuge);
}

std::size_t resident(const std::set<std::uintptr_t>& units) {
    std::size_t bytes = 0;
    for (const std::uintptr_t unit : units) bytes += resident(unit, kHuge);
    return bytes;
}

class AlwaysHuge : public testing::TestWithParam<HugePages> {};

// F43
TEST_P(AlwaysHuge, F43_WhatWasGivenBackStaysSo) {
    if (said("enabled").find("[always]") == std::string::npos)
        GTEST_SKIP() << kSettings << "enabled says '" << said("enabled") << "', not always";
    const EagerKernel eager;
    if (!EagerKernel::worked()) GTEST_SKIP() << "khugepaged's settings cannot be changed here";

    PoolOptions options;
    options.idle_decay = std::nullopt;
    options.huge_pages = GetParam();
    MemoryPool pool(options);
    std::vector<std::pair<void*, std::size_t>> blocks;
    std::set<std::uintptr_t> all;
    for (std::size_t i = 0; i < 40; ++i) {
        const std::size_t bytes = (3 + i % 4) * kMiB + i * 64 * kKiB;
        blocks.emplace_back(pool.allocate(bytes), bytes);
        touch(blocks.back().first, bytes);
        add_units(all, blocks.back().first, bytes);
    }
    std::set<std::uintptr_t> used;
    std::size_t live = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto& [block, bytes] = blocks[i];
        if (i % 8 == 3) {
            add_units(used, block, bytes);
            live += bytes;
        } else {
            pool.deallocate(block);
        }
    }
    std::set<std::uintptr_t> unused;
    std::set_difference(all.begin(), all.end(), used.begin(), used.end(),
                        std::inserter(unused, unused.end()));
    ASSERT_GT(unused.size(), 40U);
    pool.trim();
    const std::size_t used_before = resident(used);
    EXPECT_EQ(resident(unused), 0U) << "right after it was given back";

    // The check itself: in memory that a program has one page of in each unit the kernel fills in the rest.
    constexpr std::size_t kPlainBytes = 8 * kHuge;
    void* const plain =
        ::mmap(nullptr, kPlainBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(plain, MAP_FAILED);
    const std::uintptr_t unit = (reinterpret_cast<std::uintptr_t>(plain) + kHuge - 1) / kHuge * kHuge;
    ::madvise(plain, kPlainBytes, MADV_NOHUGEPAGE);
    *reinterpret_cast<char*>(unit) = 1;
    ASSERT_EQ(resident(unit, kHuge), 4096U);
    ::madvise(plain, kPlainBytes, MADV_HUGEPAGE);
    EXPECT_TRUE(EagerKernel::wait_until([&] { return resident(unit, kHuge) == kHuge; }))
        << "the kernel made no huge page of what it should: " << said("khugepaged/pages_collapsed");
    ASSERT_TRUE(EagerKernel::wait_for_scans(4)) << said("khugepaged/full_scans");

    EXPECT_EQ(resident(unused), 0U) << "units of 2 MiB that were given back came again";
    const std::size_t used_after = resident(used);
    say("huge_pages %s, %zu MiB live: %zu MiB resident after trim, %zu after khugepaged; of %zu units given "
        "back %zu KiB",
        to_string(GetParam()), live / kMiB, used_before / kMiB, used_after / kMiB, unused.size(),
        resident(unused) / kKiB);
    EXPECT_GE(used_before, live);
    EXPECT_LE(used_after, used.size() * kHuge);
    if (GetParam() == HugePages::kNever) {
        EXPECT_EQ(used_after, used_before) << "no huge page, no refilled hole";
        EXPECT_LE(used_after, live + blocks.size() * 64 * kKiB);
    }
    for (std::size_t i = 3; i < blocks.size(); i += 8) pool.deallocate(blocks[i].first);
    pool.trim();
    EXPECT_EQ(resident(all), 0U);
    ASSERT_TRUE(EagerKernel::wait_for_scans(2));
    EXPECT_EQ(resident(all), 0U) << "all was given back";
    ::munmap(plain, kPlainBytes);
}

INSTANTIATE_TEST_SUITE_P(Options, AlwaysHuge,
                         testing::Values(HugePages::kAuto, HugePages::kNever, HugePages::kAlways),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace numapool::vm
