// Owns: reading small text files, as /proc and /sys have them.
// Must not know: what the files mean.
#include "os/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <new>

namespace numapool::os {
namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(const char* path) noexcept : value_(::open(path, O_RDONLY | O_CLOEXEC)) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int value() const noexcept { return value_; }

private:
    int value_;
};

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view kWhiteSpace = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kWhiteSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

}  // namespace

std::optional<std::string> read_text_file(const std::string& path) noexcept try {
    const FileDescriptor file(path.c_str());
    if (file.value() < 0) return std::nullopt;
    std::string text;
    // Files of /proc and /sys report a size of 0 or 4096 whatever they hold, so read to the end.
    std::array<char, 4096> chunk;
    for (;;) {
        const ssize_t count = ::read(file.value(), chunk.data(), chunk.size());
        if (count > 0) {
            text.append(chunk.data(), static_cast<std::size_t>(count));
        } else if (count == 0) {
            return text;
        } else if (errno != EINTR) {
            return std::nullopt;
        }
    }
} catch (const std::bad_alloc&) {
    return std::nullopt;
}

std::optional<std::string_view> read_text_file(const char* path, std::span<char> buffer) noexcept {
    const FileDescriptor file(path);
    if (file.value() < 0) return std::nullopt;
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        const ssize_t count = ::read(file.value(), buffer.data() + filled, buffer.size() - filled);
        if (count == 0) break;
        if (count > 0) {
            filled += static_cast<std::size_t>(count);
        } else if (errno != EINTR) {
            return std::nullopt;
        }
    }
    return std::string_view(buffer.data(), filled);
}

std::optional<std::uint64_t> read_number(const std::string& path) noexcept {
    const std::optional<std::string> text = read_text_file(path);
    if (!text) return std::nullopt;
    const std::string_view digits = trimmed(*text);
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
    return number;
}

}  // namespace numapool::os
