// Owns: the reading and the conclusions behind mapping_nodes.h.
// Must not know: who asks; the questions that are asked page by page.
#include "os/mapping_nodes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <string_view>

#include "os/system_calls.h"
#include "os/text_file.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

template <class Number>
std::optional<Number> parse(std::string_view word, int base) noexcept {
    Number number{};
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
    if (error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
    return number;
}

// Takes the word up to the next separator, and the separator, off the front of `text`.
std::string_view take_word(std::string_view& text, char separator) noexcept {
    const std::size_t end = text.find(separator);
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

// Ascending, from lines like "7f0000000000-7f0000003000 rw-p ...".
std::vector<PageRun> parse_maps(std::string_view text) {
    std::vector<PageRun> runs;
    while (!text.empty()) {
        std::string_view line = take_word(text, '\n');
        std::string_view addresses = take_word(line, ' ');
        const auto begin = parse<std::uintptr_t>(take_word(addresses, '-'), 16);
        const auto end = parse<std::uintptr_t>(addresses, 16);
        if (begin && end && *begin < *end) runs.push_back({*begin, *end});
    }
    return runs;
}

// The rest of a line like "7f0000000000 default anon=3 dirty=3 N0=2 N1=1 kernelpagesize_kB=4". File names
// cannot be mistaken for counts: the kernel escapes "=" and spaces in them.
void parse_counts(std::string_view line, Mapping& mapping) {
    std::uint64_t kib = page_bytes() / 1024;
    while (!line.empty()) {
        std::string_view value = take_word(line, ' ');
        const std::string_view key = take_word(value, '=');
        if (key == "kernelpagesize_kB") {
            kib = parse<std::uint64_t>(value, 10).value_or(kib);
        } else if (key.size() > 1 && key[0] == 'N') {
            const auto node = parse<int>(key.substr(1), 10);
            const auto pages = parse<std::uint64_t>(value, 10);
            if (node && pages && *pages != 0) mapping.pages_on[*node] += *pages;
        }
    }
    for (auto& [node, pages] : mapping.pages_on) {
        pages = pages * kib / (page_bytes() / 1024);
        mapping.present += pages;
    }
}

// Nothing if the range is not mapped throughout any more.
std::optional<std::uint64_t> present_pages(PageRun run) noexcept {
    std::array<unsigned char, 4096> pages{};
    std::uint64_t present = 0;
    for (std::uintptr_t at = run.begin; at < run.end;) {
        const std::size_t bytes = std::min(run.end - at, pages.size() * page_bytes());
        if (counted_calls().resident(reinterpret_cast<void*>(at), bytes, pages.data()) != 0) return {};
        const auto end = pages.begin() + static_cast<std::ptrdiff_t>(bytes / page_bytes());
        present += static_cast<std::uint64_t>(
            std::count_if(pages.begin(), end, [](unsigned char page) { return (page & 1) != 0; }));
        at += bytes;
    }
    return present;
}

std::uint64_t pages_in(PageRun run) noexcept { return (run.end - run.begin) / page_bytes(); }

// What one mapping says of the part of a run that it holds. `agrees`: whether mincore finds as many of the
// mapping's pages present as its counts name, so that what is present and what is counted are the same pages.
void add_part(PageRun part, const Mapping& mapping, bool agrees, NodeCounts& counts) {
    const std::uint64_t pages = pages_in(part);
    const std::optional<std::uint64_t> present = present_pages(part);
    if (!present) {
        counts.unknown += pages;
        return;
    }
    counts.absent += pages - *present;
    if (*present == 0) return;
    if (!agrees || mapping.pages_on.empty() || (mapping.pages_on.size() > 1 && part != mapping.run)) {
        counts.unknown += *present;
    } else if (mapping.pages_on.size() == 1) {
        counts.pages_on[mapping.pages_on.begin()->first] += *present;
    } else {
        for (const auto& [node, on_node] : mapping.pages_on) counts.pages_on[node] += on_node;
    }
}

}  // namespace

std::vector<Mapping> parse_mappings(std::string_view maps_before, std::string_view numa_maps,
                                    std::string_view maps_after) {
    const std::vector<PageRun> first = parse_maps(maps_before);
    const std::vector<PageRun> second = parse_maps(maps_after);
    const auto starting_at = [](const std::vector<PageRun>& runs, std::uintptr_t begin) {
        return std::lower_bound(runs.begin(), runs.end(), begin,
                                [](PageRun run, std::uintptr_t start) { return run.begin < start; });
    };
    std::vector<Mapping> mappings(second.size());
    for (std::size_t i = 0; i < second.size(); ++i) mappings[i].run = second[i];
    while (!numa_maps.empty()) {
        std::string_view line = take_word(numa_maps, '\n');
        const auto begin = parse<std::uintptr_t>(take_word(line, ' '), 16);
        if (!begin) continue;
        // Only the maps tell where a mapping ends. One with the same ends before and after had them while it
        // was counted.
        const auto before = starting_at(first, *begin);
        const auto after = starting_at(second, *begin);
        if (before == first.end() || after == second.end() || before->begin != *begin || *before != *after) {
            continue;
        }
        Mapping& mapping = mappings[static_cast<std::size_t>(after - second.begin())];
        mapping.counted = true;
        parse_counts(line, mapping);
    }
    return mappings;
}

std::optional<std::vector<Mapping>> read_mappings(const std::string& root) noexcept try {
    const std::string folder = root + "/proc/self/";
    const std::optional<std::string> before = read_text_file(folder + "maps");
    const std::optional<std::string> counts = read_text_file(folder + "numa_maps");
    const std::optional<std::string> after = read_text_file(folder + "maps");
    if (!before || !counts || !after) return std::nullopt;
    return parse_mappings(*before, *counts, *after);
} catch (const std::bad_alloc&) {
    return std::nullopt;
}

std::optional<NodeCounts> locate_by_mapping(std::span<const PageRun> runs, const std::string& root) noexcept
    try {
    const std::optional<std::vector<Mapping>> mappings = read_mappings(root);
    if (!mappings) return std::nullopt;
    NodeCounts counts;
    auto first = mappings->begin();
    auto compared = mappings->end();
    bool agrees = false;
    for (const PageRun& run : runs) {
        while (first != mappings->end() && first->run.end <= run.begin) ++first;
        std::uint64_t mapped = 0;
        for (auto mapping = first; mapping != mappings->end() && mapping->run.begin < run.end; ++mapping) {
            if (mapping != compared) {
                agrees = mapping->counted && present_pages(mapping->run) == mapping->present;
                compared = mapping;
            }
            const PageRun part{std::max(run.begin, mapping->run.begin), std::min(run.end, mapping->run.end)};
            add_part(part, *mapping, agrees, counts);
            mapped += pages_in(part);
        }
        counts.absent += pages_in(run) - mapped;
    }
    return counts;
} catch (const std::bad_alloc&) {
    return std::nullopt;
}

}  // namespace numapool::os
