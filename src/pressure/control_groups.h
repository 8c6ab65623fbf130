// Owns: which folders hold this process's control groups.
// Must not know: what their files mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace numapool::pressure {

struct ControlGroups {
    int version = 0;                   ///< 1 or 2; 0 if there are none
    std::vector<std::string> folders;  ///< the process's own group first, then each one above it that is seen
};

/// The groups that `controller` ("memory", "cpuset") counts this process in. `root` stands before "/proc"
/// and "/sys", empty for the running machine; the folders begin with it. Throws for want of memory only. Any
/// thread.
ControlGroups find_control_groups(const std::string& root, std::string_view controller);

}  // namespace numapool::pressure
