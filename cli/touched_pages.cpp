// Owns: touching the pages of memory and looking them up.
// Must not know: who the memory belongs to.
#include "touched_pages.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace numapool_cli {
namespace {

std::uintptr_t page_bytes() {
    static const auto bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

void touch_pages(std::span<const Block> blocks) {
    for (const Block& block : blocks) {
        if (block.empty()) continue;
        volatile std::byte* const bytes = block.data();
        const auto first = reinterpret_cast<std::uintptr_t>(block.data());
        // The first byte of the block, then the first of each page.
        std::size_t at = 0;
        while (at < block.size()) {
            bytes[at] = std::byte{1};
            at += page_bytes() - (first + at) % page_bytes();
        }
    }
}

numapool::PageMap look_up_pages(std::span<const Block> blocks) {
    std::vector<numapool::ByteRange> ranges;
    for (const Block& block : blocks) ranges.push_back({block.data(), block.size()});
    return numapool::where(ranges);
}

numapool::PageMap look_up_whole_pages(std::span<const Block> blocks) {
    std::vector<numapool::ByteRange> ranges;
    for (const Block& block : blocks) {
        const std::size_t into = reinterpret_cast<std::uintptr_t>(block.data()) % page_bytes();
        const std::size_t skipped = into == 0 ? 0 : page_bytes() - into;
        if (skipped >= block.size()) continue;
        const std::size_t whole = (block.size() - skipped) / page_bytes() * page_bytes();
        ranges.push_back({block.data() + skipped, whole});
    }
    return numapool::where(ranges);
}

void add_pages(numapool::PageMap& sum, const numapool::PageMap& part) {
    for (const auto& [node, pages] : part.pages_on) sum.pages_on[node] += pages;
    sum.absent += part.absent;
    sum.unknown += part.unknown;
    if (sum.page_bytes == 0 || part.evidence < sum.evidence) sum.evidence = part.evidence;
    sum.page_bytes = part.page_bytes;
}

std::uint64_t pages_on(const numapool::PageMap& map, std::span<const int> nodes) {
    std::uint64_t sum = 0;
    for (const auto& [node, pages] : map.pages_on) {
        if (std::find(nodes.begin(), nodes.end(), node) != nodes.end()) sum += pages;
    }
    return sum;
}

}  // namespace numapool_cli
