// Owns: asking the kernel where pages lie, down its ladder of answers.
// Must not know: pools.
#include "numapool/page_map.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <vector>

#include "base/bits.h"
#include "os/mapping_nodes.h"
#include "os/memory_policy.h"
#include "os/virtual_memory.h"

namespace numapool {
namespace {

using os::PageRun;

PageRun pages_of(const ByteRange& range) {
    const auto first = reinterpret_cast<std::uintptr_t>(range.address);
    const std::size_t page = os::page_bytes();
    constexpr std::uintptr_t kEnd = std::numeric_limits<std::uintptr_t>::max();
    if (first > kEnd - page || range.bytes > kEnd - page - first) {
        throw ArgumentError(ErrorCode::kInvalidSize, std::to_string(range.bytes) + " bytes from address " +
                                                         std::to_string(first) +
                                                         " pass the end of the address space");
    }
    return {base::align_down(first, page), base::align_up(first + range.bytes, page)};
}

// Adds pages, which follow the earlier ones or begin anew.
void append(std::vector<PageRun>& runs, PageRun run) {
    if (!runs.empty() && run.begin <= runs.back().end) {
        runs.back().end = std::max(runs.back().end, run.end);
    } else {
        runs.push_back(run);
    }
}

std::vector<PageRun> merged(std::span<const ByteRange> ranges) {
    std::vector<PageRun> all;
    all.reserve(ranges.size());
    for (const ByteRange& range : ranges) {
        if (range.bytes != 0) all.push_back(pages_of(range));
    }
    const auto before = [](PageRun a, PageRun b) { return a.begin < b.begin; };
    if (!std::is_sorted(all.begin(), all.end(), before)) std::sort(all.begin(), all.end(), before);
    std::vector<PageRun> runs;
    for (const PageRun& run : all) append(runs, run);
    return runs;
}

// Pages gathered until there are enough for a call.
class PageByPage {
public:
    explicit PageByPage(PageMap& map) : map_(map), page_bytes_(map.page_bytes) {}

    void look_up(PageRun run) {
        for (std::uintptr_t at = run.begin; at < run.end; at += page_bytes_) {
            pages_[count_++] = reinterpret_cast<void*>(at);
            if (count_ == pages_.size()) ask();
        }
    }
    // Those that the kernel would not tell of.
    const std::vector<PageRun>& finish() {
        ask();
        return untold_;
    }

private:
    void ask() {
        if (count_ == 0) return;
        const bool told = os::locate_pages({pages_.data(), count_}, {nodes_.data(), count_}) == 0;
        for (std::size_t i = 0; i < count_; ++i) {
            if (told && nodes_[i] >= 0) {
                ++pages_on(nodes_[i]);
            } else if (told && (nodes_[i] == -ENOENT || nodes_[i] == -EFAULT)) {
                ++map_.absent;
            } else {
                const auto page = reinterpret_cast<std::uintptr_t>(pages_[i]);
                append(untold_, {page, page + page_bytes_});
            }
        }
        count_ = 0;
    }
    // Most pages lie where the one before them does.
    std::uint64_t& pages_on(int node) {
        if (node != last_node_) last_count_ = &map_.pages_on[node], last_node_ = node;
        return *last_count_;
    }

    PageMap& map_;
    const std::size_t page_bytes_;
    int last_node_ = -1;
    std::uint64_t* last_count_ = nullptr;
    std::vector<PageRun> untold_;
    std::size_t count_ = 0;
    std::array<void*, 1024> pages_;
    std::array<int, 1024> nodes_;
};

void conclude_from_mappings(const std::vector<PageRun>& untold, PageMap& map) {
    const auto counts = os::locate_by_mapping(untold, "");
    if (!counts) {
        for (const PageRun& run : untold) map.unknown += (run.end - run.begin) / map.page_bytes;
    } else {
        for (const auto& [node, pages] : counts->pages_on) map.pages_on[node] += pages;
        map.absent += counts->absent;
        map.unknown += counts->unknown;
    }
    map.evidence = map.unknown == 0 ? Evidence::kMappings : Evidence::kNone;
}

}  // namespace

PageMap where(std::span<const ByteRange> ranges) {
    PageMap map;
    map.page_bytes = os::page_bytes();
    map.evidence = Evidence::kPages;
    PageByPage pages(map);
    for (const PageRun& run : merged(ranges)) pages.look_up(run);
    const std::vector<PageRun>& untold = pages.finish();
    if (!untold.empty()) conclude_from_mappings(untold, map);
    return map;
}

PageMap where(const void* address, std::size_t bytes) {
    const ByteRange range{address, bytes};
    return where(std::span(&range, 1));
}

const char* to_string(Evidence evidence) noexcept {
    switch (evidence) {
        case Evidence::kPages:
            return "verified";
        case Evidence::kMappings:
            return "by mapping";
        case Evidence::kNone:
            break;
    }
    return "unverified";
}

std::string to_string(const PageMap& map) {
    std::string text = "{";
    const auto add = [&](const std::string& label, std::uint64_t pages) {
        if (pages == 0) return;
        text += (text.size() == 1 ? "" : ", ") + label + ": " + std::to_string(pages) +
                (pages == 1 ? " page" : " pages");
    };
    for (const auto& [node, pages] : map.pages_on) add(std::to_string(node), pages);
    add("absent", map.absent);
    add("unknown", map.unknown);
    if (text.size() == 1) return "{}";
    return text + "} " + to_string(map.evidence);
}

}  // namespace numapool
