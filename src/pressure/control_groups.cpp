// Owns: which folders hold this process's control groups.
// Must not know: what their files mean.
#include "pressure/control_groups.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "os/text_file.h"

namespace numapool::pressure {
namespace {

struct Mount {
    std::string subtree;  // the group that the mount point shows
    std::string point;
};

bool lists(std::string_view words, std::string_view word) {
    while (!words.empty()) {
        const std::size_t comma = std::min(words.find(','), words.size());
        if (words.substr(0, comma) == word) return true;
        words.remove_prefix(std::min(comma + 1, words.size()));
    }
    return false;
}

// The kernel writes white space and backslashes in paths as \ooo.
std::string unescaped(const std::string& path) {
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    std::string result;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '\\' && i + 3 < path.size() && std::all_of(&path[i + 1], &path[i + 4], is_octal)) {
            result +=
                static_cast<char>((path[i + 1] - '0') * 64 + (path[i + 2] - '0') * 8 + path[i + 3] - '0');
            i += 3;
        } else {
            result += path[i];
        }
    }
    return result;
}

// Of a line of /proc/self/mountinfo: "31 23 0:28 SUBTREE POINT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS".
std::optional<Mount> find_mount(const std::string& mounts, int version, std::string_view controller) {
    std::istringstream lines(mounts);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        std::istringstream before(line.substr(0, dash));
        std::istringstream after(line.substr(dash + 3));
        std::string skipped, subtree, point, type, options;
        before >> skipped >> skipped >> skipped >> subtree >> point;
        after >> type >> skipped >> options;
        const bool fits = version == 2 ? type == "cgroup2" : type == "cgroup" && lists(options, controller);
        if (fits && !point.empty()) return Mount{unescaped(subtree), unescaped(point)};
    }
    return std::nullopt;
}

// Of lines "4:memory:/path" (version 1) and "0::/path" (version 2).
std::optional<std::string> find_path(const std::string& groups, int version, std::string_view controller) {
    std::istringstream lines(groups);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
        if (version == 2 ? line.starts_with("0::") : lists(names, controller)) return line.substr(second + 1);
    }
    return std::nullopt;
}

// A path below the mount's subtree, or "" where the mount shows another part of the tree: a container without
// a namespace of its own sees its group, and nothing else, at the mount point.
std::string relative(const std::string& path, const std::string& subtree) {
    std::string below = path;
    if (subtree != "/") {
        if (!path.starts_with(subtree)) return "";
        below = path.substr(subtree.size());
        if (!below.empty() && below[0] != '/') return "";
    }
    if (below.find("/..") != std::string::npos) return "";
    while (below.ends_with('/')) below.pop_back();
    return below;
}

}  // namespace

ControlGroups find_control_groups(const std::string& root, std::string_view controller) {
    const std::string groups = os::read_text_file(root + "/proc/self/cgroup").value_or("");
    const std::string mounts = os::read_text_file(root + "/proc/self/mountinfo").value_or("");
    // A controller belongs to version 1 wherever that is mounted, also beside version 2.
    for (const int version : {1, 2}) {
        const std::optional<std::string> path = find_path(groups, version, controller);
        const std::optional<Mount> mount = find_mount(mounts, version, controller);
        if (!path || !mount) continue;
        ControlGroups found{version, {}};
        std::string below = relative(*path, mount->subtree);
        for (; !below.empty(); below.resize(below.rfind('/'))) {
            found.folders.push_back(root + mount->point + below);
        }
        found.folders.push_back(root + mount->point);
        return found;
    }
    return {};
}

}  // namespace numapool::pressure
