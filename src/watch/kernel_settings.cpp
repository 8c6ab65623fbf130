// Owns: what the kernel's text files say of how it treats memory, beyond nodes and control groups.
// Must not know: what the values mean to a pool or a user.
#include "watch/kernel_settings.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "os/text_file.h"
#include "pressure/control_groups.h"
#include "topology/node_files.h"

namespace numapool::watch {
namespace {

std::string read(const std::string& path) { return os::read_text_file(path).value_or(""); }

// What follows `key` at the start of a line, without white space around it.
std::optional<std::string_view> value_after(std::string_view text, std::string_view key) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(key)) continue;
        const std::size_t first = std::min(line.find_first_not_of(" \t", key.size()), line.size());
        return line.substr(first, line.find_last_not_of(" \t") + 1 - first);
    }
    return std::nullopt;
}

// The number that a text starts with.
std::optional<std::uint64_t> leading_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view key) {
    const std::optional<std::string_view> value = value_after(text, key);
    return value ? leading_number(*value) : std::nullopt;
}

std::optional<std::uint64_t> kib_after(std::string_view text, std::string_view key) {
    const std::optional<std::uint64_t> kib = number_after(text, key);
    return kib ? std::optional(*kib * 1024) : std::nullopt;
}

std::string chosen_word(const std::string& text) {
    const std::size_t open = text.find('[');
    const std::size_t close = text.find(']', std::min(open, text.size()));
    return close == std::string::npos ? "" : text.substr(open + 1, close - open - 1);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void add_reserved(std::vector<ReservedHugePages>& all, const std::string& folder, int node) {
    constexpr std::string_view kPrefix = "hugepages-";
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        const auto kib =
            name.starts_with(kPrefix) ? leading_number(name.substr(kPrefix.size())) : std::nullopt;
        const auto total = os::read_number(at->path().string() + "/nr_hugepages");
        const auto free = os::read_number(at->path().string() + "/free_hugepages");
        if (kib && total && *total != 0) all.push_back({node, *kib * 1024, *total, free.value_or(0)});
    }
}

std::vector<ReservedHugePages> read_reserved(const std::string& root, const std::vector<int>& nodes) {
    std::vector<ReservedHugePages> all;
    for (const int node : nodes) {
        add_reserved(all, root + "/sys/devices/system/node/node" + std::to_string(node) + "/hugepages", node);
    }
    if (nodes.empty()) add_reserved(all, root + "/sys/kernel/mm/hugepages", -1);
    const auto order = [](const ReservedHugePages& a, const ReservedHugePages& b) {
        return a.node != b.node ? a.node < b.node : a.page_bytes < b.page_bytes;
    };
    std::sort(all.begin(), all.end(), order);
    return all;
}

std::optional<std::vector<int>> read_ids(const std::string& path) {
    const std::optional<std::string> text = os::read_text_file(path);
    return text ? topology::parse_id_list(*text) : std::nullopt;
}

std::optional<std::vector<int>> read_cpuset(const std::string& root) {
    for (const std::string& folder : pressure::find_control_groups(root, "cpuset").folders) {
        // Version 2, version 1, and version 1 mounted without prefixes.
        for (const char* file : {"/cpuset.cpus.effective", "/cpuset.effective_cpus", "/effective_cpus"}) {
            if (const auto cpus = read_ids(folder + file); cpus && !cpus->empty()) return cpus;
        }
    }
    return std::nullopt;
}

void read_limits_of_process(const std::string& root, KernelSettings& settings) {
    settings.huge_pages_off_for_process =
        number_after(read(root + "/proc/self/status"), "THP_enabled:") == 0U;
    // "unlimited" is no number.
    settings.address_limit_bytes = number_after(read(root + "/proc/self/limits"), "Max address space");
    if (const std::optional<std::string> maps = os::read_text_file(root + "/proc/self/maps")) {
        settings.maps = static_cast<std::uint64_t>(std::count(maps->begin(), maps->end(), '\n'));
    }
}

void read_memory(const std::string& root, KernelSettings& settings) {
    const std::string meminfo = read(root + "/proc/meminfo");
    settings.memory_bytes = kib_after(meminfo, "MemTotal:");
    settings.available_bytes = kib_after(meminfo, "MemAvailable:");
    settings.swap_bytes = kib_after(meminfo, "SwapTotal:");
    settings.swap_free_bytes = kib_after(meminfo, "SwapFree:");
    settings.commit_limit_bytes = kib_after(meminfo, "CommitLimit:");
    settings.committed_bytes = kib_after(meminfo, "Committed_AS:");
}

}  // namespace

KernelSettings read_kernel_settings(const std::string& root) {
    KernelSettings settings;
    settings.release = first_line(read(root + "/proc/sys/kernel/osrelease"));
    const auto nodes = read_ids(root + "/sys/devices/system/node/online");
    settings.numa = nodes.has_value();
    const topology::TransparentHugePages huge = topology::read_transparent_huge_pages(root);
    settings.huge_page_mode = huge.mode;
    settings.huge_page_bytes = huge.page_bytes;
    settings.huge_page_defrag = chosen_word(read(root + "/sys/kernel/mm/transparent_hugepage/defrag"));
    settings.reserved = read_reserved(root, nodes.value_or(std::vector<int>{}));
    settings.overcommit = os::read_number(root + "/proc/sys/vm/overcommit_memory");
    settings.overcommit_ratio = os::read_number(root + "/proc/sys/vm/overcommit_ratio");
    settings.most_maps = os::read_number(root + "/proc/sys/vm/max_map_count");
    settings.numa_balancing = os::read_number(root + "/proc/sys/kernel/numa_balancing");
    settings.zone_reclaim_mode = os::read_number(root + "/proc/sys/vm/zone_reclaim_mode");
    settings.online_cpus = read_ids(root + "/sys/devices/system/cpu/online");
    settings.cpuset_cpus = read_cpuset(root);
    read_memory(root, settings);
    read_limits_of_process(root, settings);
    return settings;
}

}  // namespace numapool::watch
