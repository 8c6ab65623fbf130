// Owns: what /proc/self/numa_maps lets one conclude about pages that the kernel will not tell of one by one.
// Must not know: who asks; the questions that are asked page by page.
//
// All functions are thread-safe, and noexcept where they say so. `root` is what stands before "/proc", empty
// for the running process, so that tests can hand in made-up files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace numapool::os {

/// Whole pages: both ends are multiples of the page size.
struct PageRun {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    friend bool operator==(const PageRun&, const PageRun&) = default;
};

/// One mapping of this process and how many of its pages (of page_bytes()) lie on which node.
struct Mapping {
    PageRun run;
    bool counted = false;  ///< whether the figures below are known
    std::map<int, std::uint64_t> pages_on;
    std::uint64_t present = 0;  ///< the sum of pages_on
};

/// All mappings, ascending: the text of /proc/self/maps with the counts of /proc/self/numa_maps. Those of a
/// mapping that changed between two looks at the maps, before and after the counts, are not known. May throw
/// std::bad_alloc.
std::vector<Mapping> parse_mappings(std::string_view maps_before, std::string_view numa_maps,
                                    std::string_view maps_after);
/// Of this process, now. Nothing if one of the files cannot be read, or memory runs out.
std::optional<std::vector<Mapping>> read_mappings(const std::string& root) noexcept;

/// Pages by node.
struct NodeCounts {
    std::map<int, std::uint64_t> pages_on;
    std::uint64_t absent = 0;
    std::uint64_t unknown = 0;
};

/// Looks the pages of `runs` (ascending, not overlapping) up by their mappings. Where all pages of a mapping
/// lie on one node, those of them that mincore finds present lie there. Where they lie on several, they are
/// told if a run covers the mapping, else unknown. So they are, too, where mincore and the mapping's counts
/// differ, as for pages of a file that this process has not touched. Faults nothing in. Nothing if the system
/// or memory refuses.
std::optional<NodeCounts> locate_by_mapping(std::span<const PageRun> runs, const std::string& root) noexcept;

}  // namespace numapool::os
