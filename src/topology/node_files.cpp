// Owns: what the kernel's text files say of nodes, their memory and huge pages.
// Must not know: hwloc, or how the values are put together.
#include "topology/node_files.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "os/text_file.h"

namespace numapool::topology {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr int kMaxId =
    1 << 20;  // far above any kernel's CPU or node numbers; bounds what a bad file can cost

std::string node_path(const std::string& root, int node, const char* file) {
    return root + "/sys/devices/system/node/node" + std::to_string(node) + "/" + file;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kWhiteSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

// Takes the word up to the next separator, and the separator, off the front of `text`.
std::string_view take_word(std::string_view& text, std::string_view separators) {
    const std::size_t end = text.find_first_of(separators);
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
}

template <class Number>
std::optional<Number> parse_number(std::string_view word) {
    Number number{};
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (word.empty() || error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
    return number;
}

// The rest of the line that `key` starts. A node's meminfo has "Node 0 " before the key.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::string_view line = take_word(text, "\n");
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        const std::size_t before_word = name.find_last_of(kWhiteSpace);
        const std::string_view word =
            before_word == std::string_view::npos ? name : name.substr(before_word + 1);
        if (word == key) return trimmed(line.substr(colon + 1));
    }
    return std::nullopt;
}

std::optional<std::uint64_t> bytes_of(std::string_view meminfo, std::string_view key) {
    std::optional<std::string_view> value = value_of(meminfo, key);
    if (!value) return std::nullopt;
    const std::optional<std::uint64_t> kib = parse_number<std::uint64_t>(take_word(*value, " "));
    if (!kib || *value != "kB") return std::nullopt;
    return *kib * 1024;
}

std::optional<MemoryFigures> read_memory(const char* path) noexcept {
    std::array<char, 8192> buffer;
    const std::optional<std::string_view> text = os::read_text_file(path, buffer);
    if (!text) return std::nullopt;
    const std::optional<std::uint64_t> total_bytes = bytes_of(*text, "MemTotal");
    const std::optional<std::uint64_t> free_bytes = bytes_of(*text, "MemFree");
    if (!total_bytes || !free_bytes) return std::nullopt;
    const std::uint64_t page_cache =
        bytes_of(*text, "Active(file)").value_or(0) + bytes_of(*text, "Inactive(file)").value_or(0);
    return MemoryFigures{*total_bytes, *free_bytes,
                         bytes_of(*text, "MemAvailable").value_or(*free_bytes + page_cache)};
}

std::optional<std::vector<int>> read_status_list(const std::string& root, std::string_view key) {
    const std::optional<std::string> text = os::read_text_file(root + "/proc/self/status");
    if (!text) return std::nullopt;
    const std::optional<std::string_view> value = value_of(*text, key);
    return value ? parse_id_list(*value) : std::nullopt;
}

std::optional<HugePageCount> read_huge_pages(const std::string& root, const std::string& folder) {
    const std::optional<std::string> meminfo = os::read_text_file(root + "/proc/meminfo");
    if (!meminfo) return std::nullopt;
    const std::optional<std::uint64_t> page_bytes = bytes_of(*meminfo, "Hugepagesize");
    if (!page_bytes) return std::nullopt;
    const std::string path = folder + "/hugepages-" + std::to_string(*page_bytes / 1024) + "kB/";
    const std::optional<std::uint64_t> total = os::read_number(path + "nr_hugepages");
    const std::optional<std::uint64_t> free = os::read_number(path + "free_hugepages");
    if (!total || !free) return std::nullopt;
    return HugePageCount{*total, *free};
}

}  // namespace

std::optional<std::vector<int>> parse_id_list(std::string_view text) {
    std::vector<int> ids;
    std::string_view rest = trimmed(text);
    while (!rest.empty()) {
        const std::string_view range = take_word(rest, ",");
        const std::size_t dash = range.find('-');
        const auto first = parse_number<int>(range.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_number<int>(range.substr(dash + 1));
        if (!first || !last || *first < 0 || *last < *first || *last > kMaxId) return std::nullopt;
        for (int id = *first; id <= *last; ++id) ids.push_back(id);
    }
    return ids;
}

std::string format_id_list(std::span<const int> ids) {
    std::string text;
    for (std::size_t first = 0; first < ids.size();) {
        std::size_t last = first;
        while (last + 1 < ids.size() && ids[last + 1] == ids[last] + 1) ++last;
        text += (text.empty() ? "" : ",") + std::to_string(ids[first]);
        if (last != first) text += "-" + std::to_string(ids[last]);
        first = last + 1;
    }
    return text;
}

std::optional<MemoryFigures> read_node_memory(const std::string& root, int node) noexcept {
    std::array<char, 512> path;
    const int length = std::snprintf(path.data(), path.size(), "%s/sys/devices/system/node/node%d/meminfo",
                                     root.c_str(), node);
    if (length < 0 || static_cast<std::size_t>(length) >= path.size()) return std::nullopt;
    return read_memory(path.data());
}

std::optional<MemoryFigures> read_machine_memory(const std::string& root) {
    return read_memory((root + "/proc/meminfo").c_str());
}

std::optional<std::vector<int>> read_node_cpus(const std::string& root, int node) {
    const std::optional<std::string> text = os::read_text_file(node_path(root, node, "cpulist"));
    return text ? parse_id_list(*text) : std::nullopt;
}

std::optional<std::vector<int>> read_allowed_nodes(const std::string& root) {
    return read_status_list(root, "Mems_allowed_list");
}

std::optional<std::vector<int>> read_allowed_cpus(const std::string& root) {
    return read_status_list(root, "Cpus_allowed_list");
}

std::vector<std::vector<std::uint64_t>> read_distances(const std::string& root, std::span<const int> nodes) {
    std::vector<std::vector<std::uint64_t>> distances;
    for (const int node : nodes) {
        const std::optional<std::string> text = os::read_text_file(node_path(root, node, "distance"));
        if (!text) return {};
        std::vector<std::uint64_t>& row = distances.emplace_back();
        std::string_view rest = trimmed(*text);
        while (!rest.empty()) {
            const std::optional<std::uint64_t> distance = parse_number<std::uint64_t>(take_word(rest, " "));
            if (!distance) return {};
            row.push_back(*distance);
        }
        if (row.size() != nodes.size()) return {};
    }
    return distances;
}

std::optional<HugePageCount> read_node_huge_pages(const std::string& root, int node) {
    return read_huge_pages(root, node_path(root, node, "hugepages"));
}

std::optional<HugePageCount> read_machine_huge_pages(const std::string& root) {
    return read_huge_pages(root, root + "/sys/kernel/mm/hugepages");
}

TransparentHugePages read_transparent_huge_pages(const std::string& root) {
    const std::string folder = root + "/sys/kernel/mm/transparent_hugepage/";
    const std::optional<std::string> enabled = os::read_text_file(folder + "enabled");
    if (!enabled) return {};
    const std::size_t open = enabled->find('[');
    const std::size_t close = enabled->find(']', open);
    if (close == std::string::npos) return {};
    const std::string mode = enabled->substr(open + 1, close - open - 1);
    if (mode != "always" && mode != "madvise" && mode != "never") return {};
    return {mode, os::read_number(folder + "hpage_pmd_size").value_or(0)};
}

}  // namespace numapool::topology
