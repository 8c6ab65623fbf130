// Owns: how amounts, numbers and errors read in findings.
// Must not know: what is found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace numapool::watch {

/// "4 KiB", "23.5 GiB".
std::string bytes_text(std::uint64_t bytes);
/// Ascending numbers as ranges: "0-3,8"; "none" if there are none.
std::string ranges_text(const std::vector<int>& numbers);
/// "node 0", "nodes 0-1".
std::string nodes_text(const std::vector<int>& nodes);
/// "EPERM", "ENOSYS"; "error 999" for what has no name.
std::string error_text(int error);

}  // namespace numapool::watch
