// Owns: touching the pages of memory and looking them up.
// Must not know: who the memory belongs to.
#include "touched_pages.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace numapool_cli {
namespace {

std::uintptr_t page_bytes() {
    static const auto bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

// Ascending ranges [first, second) of addresses, merged where they meet, so that no page counts twice.
numapool::PageMap look_up(std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges) {
    std::sort(ranges.begin(), ranges.end());
    numapool::PageMap sum;
    for (std::size_t i = 0; i < ranges.size();) {
        auto [begin, end] = ranges[i];
        for (++i; i < ranges.size() && ranges[i].first <= end; ++i) end = std::max(end, ranges[i].second);
        add_pages(sum, numapool::where(reinterpret_cast<const void*>(begin), end - begin));
    }
    return sum;
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
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges;
    for (const Block& block : blocks) {
        if (block.empty()) continue;
        const auto begin = reinterpret_cast<std::uintptr_t>(block.data());
        const std::uintptr_t last = begin + block.size() - 1;
        ranges.emplace_back(begin - begin % page_bytes(), last - last % page_bytes() + page_bytes());
    }
    return look_up(std::move(ranges));
}

numapool::PageMap look_up_whole_pages(std::span<const Block> blocks) {
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges;
    for (const Block& block : blocks) {
        const auto begin = reinterpret_cast<std::uintptr_t>(block.data()) + page_bytes() - 1;
        const auto end = reinterpret_cast<std::uintptr_t>(block.data()) + block.size();
        const std::uintptr_t first = begin - begin % page_bytes();
        if (first < end - end % page_bytes()) ranges.emplace_back(first, end - end % page_bytes());
    }
    return look_up(std::move(ranges));
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
