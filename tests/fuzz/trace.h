// Owns: the last operations in readable form, and what happens when a check fails.
// Must not know: what is checked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace numapool::fuzz {

/// One for the process. Operations are handed from thread to thread, never done by two at a time, so it needs
/// no lock.
class Trace {
public:
    /// `format` takes up to four numbers as %llx or %llu, and must live on.
    void add(const char* format, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
             std::uint64_t d = 0) noexcept {
        lines_[noted_++ % kLines] = {format, {a, b, c, d}};
    }
    /// An operation is a call of the library that a user could make.
    void count_operations(std::uint64_t count = 1) noexcept { operations_ += count; }
    std::uint64_t operations() const noexcept { return operations_; }
    /// Counts what operations led to, so that a run can tell how deep it went.
    void count_reached(const std::string& what, std::uint64_t count = 1) {
        if (count != 0) reached_[what] += count;
    }
    const std::map<std::string, std::uint64_t>& reached() const noexcept { return reached_; }

    /// Forgets the lines; `origin` says how to come by the input again.
    void begin(const std::string& origin);
    /// Prints the lines and what was wrong to stderr, then aborts.
    [[noreturn]] void fail(const char* file, int line, const char* condition, const std::string& detail);

private:
    static constexpr std::size_t kLines = 64;
    struct Line {
        const char* format = nullptr;
        std::array<unsigned long long, 4> numbers{};
    };
    std::array<Line, kLines> lines_{};
    std::uint64_t noted_ = 0;
    std::uint64_t operations_ = 0;
    std::map<std::string, std::uint64_t> reached_;
    std::string origin_;
};

Trace& trace() noexcept;

}  // namespace numapool::fuzz

/// Ends the process with a trace unless `condition` holds; `detail` is a std::string, made only then.
#define NUMAPOOL_FUZZ_CHECK(condition, detail)                                      \
    do {                                                                            \
        if (!(condition)) [[unlikely]]                                              \
            ::numapool::fuzz::trace().fail(__FILE__, __LINE__, #condition, detail); \
    } while (false)
