// Owns: what the checks of moving pages share: scattered idle memory, and looks at it.
// Must not know: what is checked.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "arena/mapping_edges.h"
#include "arena_fixture.h"
#include "os/remapping.h"

namespace numapool::arena {

class Stitching : public ArenaFixture {
protected:
    void SetUp() override {
        os::forget_remapping();
        if (!os::can_remap())
            GTEST_SKIP() << "this system does not move pages (before Linux 5.7, or Valgrind)";
    }
    void TearDown() override {
        set_most_edges(kReadEdges);
        os::forget_remapping();
    }

    static void fill(const Extent& block, int value) {
        std::memset(reinterpret_cast<void*>(block.address), value, block.bytes);
    }
    static bool holds(const Extent& block, int value) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(block.address);
        return std::all_of(bytes, bytes + block.bytes, [value](unsigned char byte) { return byte == value; });
    }
    /// A block as the pool takes one.
    static Extent take(NodeArena& arena, std::size_t bytes) {
        Extent idle = arena.take_idle_block(bytes, 64);
        if (idle.address != 0) return idle;
        auto made = arena.take_moved_block(bytes, 64);
        if (made && made->address == 0) made = arena.take_new_block(bytes, 64);
        EXPECT_TRUE(made);
        return made ? *made : Extent{};
    }
    /// Leaves `pieces` idle runs of `bytes` each, kept apart by live blocks of 2 MiB that hold 7.
    std::vector<Extent> scatter(NodeArena& arena, std::size_t pieces, std::size_t bytes) {
        std::vector<Extent> idle;
        std::vector<Extent> live;
        for (std::size_t i = 0; i < pieces; ++i) {
            idle.push_back(take_new(arena, bytes));
            live.push_back(take_new(arena, 2 * kMiB));
            fill(live.back(), 7);
        }
        for (const Extent& block : idle) put(arena, block);
        return live;
    }
    static void expect_intact(const std::vector<Extent>& live) {
        for (const Extent& block : live) EXPECT_TRUE(holds(block, 7));
    }
    /// Whether all addresses of the range up to its writable end are mapped.
    static bool no_hole(const AddressRange& range) {
        unsigned char page = 0;
        for (std::size_t slice = 0; slice < range.writable; ++slice) {
            if (::mincore(reinterpret_cast<void*>(range.address_of(slice)), 1, &page) != 0) return false;
        }
        return true;
    }
};

}  // namespace numapool::arena
