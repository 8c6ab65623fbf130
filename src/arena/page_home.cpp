// Owns: the questions and answers behind page_home.h.
// Must not know: blocks, threads, who asks.
#include "arena/page_home.h"

#include <array>
#include <cerrno>

#include "os/virtual_memory.h"

namespace numapool::arena {

PageHome PageHome::on_node(int node) noexcept {
    PageHome home;
    home.nodes_.add(node);
    home.node_ = node;
    return home;
}

PageHome PageHome::dealt(const os::NodeMask& nodes) noexcept {
    PageHome home;
    home.nodes_ = nodes;
    return home;
}

PageHome PageHome::dealt(const os::NodeMask& nodes, std::span<const std::int16_t> round) noexcept {
    PageHome home = dealt(nodes);
    home.round_ = round;
    return home;
}

int PageHome::node_at(std::size_t offset) const noexcept {
    if (node_ >= 0 || anywhere()) return node_;
    const std::size_t granule = offset / base::kGranuleBytes;
    if (by_granule()) return round_[granule % round_.size()];
    std::size_t turn = granule % nodes_.count();
    int node = -1;
    do {
        while (!nodes_.has(++node)) {
        }
    } while (turn-- != 0);
    return node;
}

int PageHome::ask(std::uintptr_t base, std::uintptr_t address, std::size_t bytes,
                  os::Present present) const noexcept {
    if (anywhere()) return 0;
    if (node_ < 0 && !by_granule()) return os::interleave_nodes(address, bytes, nodes_, present);
    int error = 0;
    for_each_run(base, address, bytes, [&](std::uintptr_t at, std::size_t part, int node) {
        if (const int refused = os::prefer_node(at, part, node, present); refused != 0) error = refused;
    });
    return error;
}

PageCheck check_pages(const PageHome& home, std::uintptr_t base, std::uintptr_t address, std::size_t bytes,
                      std::span<std::uint64_t> found) noexcept {
    PageCheck check;
    const std::size_t page = os::page_bytes();
    std::array<void*, 512> pages{};
    std::array<int, 512> nodes{};
    for (std::uintptr_t at = address, end = address + bytes; at < end;) {
        const std::uintptr_t first = at;
        std::size_t count = 0;
        for (; count < pages.size() && at < end; at += page) pages[count++] = reinterpret_cast<void*>(at);
        if (const int refused = os::locate_pages({pages.data(), count}, {nodes.data(), count});
            refused != 0) {
            check.error = refused;
            check.unknown += count;
            continue;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const int node = nodes[i];
            if (node == -ENOENT || node == -EFAULT) {
                ++check.absent;
            } else if (node < 0) {
                check.error = -node;
                ++check.unknown;
            } else {
                ++(home.has(node, first - base + i * page) ? check.home : check.elsewhere);
                if (static_cast<std::size_t>(node) < found.size()) ++found[static_cast<std::size_t>(node)];
            }
        }
    }
    return check;
}

}  // namespace numapool::arena
