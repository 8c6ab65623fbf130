// Owns: reading small text files, as /proc and /sys have them.
// Must not know: what the files mean.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace numapool::os {

/// The whole file; nothing if it cannot be opened or read, or memory runs out. Any thread.
std::optional<std::string> read_text_file(const std::string& path) noexcept;

/// The beginning of the file, as much of it as `buffer` holds; nothing as above. Allocates nothing.
std::optional<std::string_view> read_text_file(const char* path, std::span<char> buffer) noexcept;

/// The decimal number that is all the file holds beside white space; nothing for anything else, for instance
/// "max".
std::optional<std::uint64_t> read_number(const std::string& path) noexcept;

}  // namespace numapool::os
