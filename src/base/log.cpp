// Owns: the receiver of messages and the level from which they are told.
// Must not know: what they are about.
#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "base/held_locks.h"

namespace numapool {
namespace {

void write_to_stderr(LogLevel level, const char* message, void* /*user*/) {
    std::fprintf(stderr, "numapool: %s: %s\n", to_string(level), message);
}

struct Receiver {
    LogCallback callback = write_to_stderr;
    void* user = nullptr;
};

constinit base::Mutex receiver_mutex;
constinit Receiver receiver;

constexpr int kOff = static_cast<int>(LogLevel::kError) + 1;

int read_threshold() noexcept {
    const char* word = std::getenv("NUMAPOOL_LOG");
    if (word == nullptr) return static_cast<int>(LogLevel::kWarning);
    if (std::strcmp(word, "off") == 0) return kOff;
    for (int candidate = 0; candidate < kOff; ++candidate) {
        if (std::strcmp(word, to_string(static_cast<LogLevel>(candidate))) == 0) return candidate;
    }
    std::fprintf(stderr,
                 "numapool: NUMAPOOL_LOG is \"%s\"; debug, info, warning, error or off are possible\n", word);
    return static_cast<int>(LogLevel::kWarning);
}

int threshold() noexcept {
    // Relaxed: guards nothing. No static that is made by the first call: a fork could catch it half-way.
    static constinit std::atomic<int> known{-1};
    int level = known.load(std::memory_order_relaxed);
    if (level < 0) {
        level = read_threshold();
        known.store(level, std::memory_order_relaxed);
    }
    return level;
}

}  // namespace

void set_log_callback(LogCallback callback, void* user) noexcept {
    const std::lock_guard lock(receiver_mutex);
    receiver = callback != nullptr ? Receiver{callback, user} : Receiver{};
}

const char* to_string(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::kDebug:
            return "debug";
        case LogLevel::kInfo:
            return "info";
        case LogLevel::kWarning:
            return "warning";
        case LogLevel::kError:
            return "error";
    }
    return "unknown";
}

namespace base {

void lock_log() noexcept { receiver_mutex.lock(); }
void unlock_log() noexcept { receiver_mutex.unlock(); }

void log(LogLevel level, const char* message) noexcept {
    if (static_cast<int>(level) < threshold()) return;
    Receiver to;
    {
        const std::lock_guard lock(receiver_mutex);
        to = receiver;
    }
    to.callback(level, message, to.user);
}

}  // namespace base
}  // namespace numapool
