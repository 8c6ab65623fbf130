// Owns: collecting what the library tells while a test looks.
// Must not know: anything of the library beyond its public log.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "numapool/log.h"

namespace numapool::fakes {

/// Collects all messages while it lives; one at a time.
class Messages {
public:
    Messages() { set_log_callback(receive, this); }
    Messages(const Messages&) = delete;
    Messages& operator=(const Messages&) = delete;
    ~Messages() { set_log_callback(nullptr, nullptr); }

    const std::vector<std::string>& all() const noexcept { return all_; }
    /// How many contain `words`. Some are told once in a process, so tests that share one may not see them.
    std::size_t count(const std::string& words) const {
        return static_cast<std::size_t>(std::count_if(
            all_.begin(), all_.end(),
            [&](const std::string& message) { return message.find(words) != std::string::npos; }));
    }
    /// All of them, a line each.
    std::string text() const {
        std::string lines;
        for (const std::string& message : all_) lines += message + "\n";
        return lines;
    }

private:
    static void receive(LogLevel, const char* message, void* user) {
        static_cast<Messages*>(user)->all_.emplace_back(message);
    }
    std::vector<std::string> all_;
};

}  // namespace numapool::fakes
