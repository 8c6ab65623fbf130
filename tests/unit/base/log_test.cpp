// Owns: checks of handing messages on.
// Must not know: what messages are about.
#include "base/log.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace numapool::base {
namespace {

struct Received {
    std::vector<std::string> messages;
};

void receive(LogLevel level, const char* message, void* user) {
    static_cast<Received*>(user)->messages.push_back(std::string(to_string(level)) + ": " + message);
}

TEST(Log, ReachesTheReceiverFromTheLevelOn) {
    Received received;
    set_log_callback(receive, &received);
    log(LogLevel::kDebug, "not told: the level is warning unless the environment says otherwise");
    log(LogLevel::kWarning, "one");
    log(LogLevel::kError, "two");
    set_log_callback(nullptr, nullptr);
    EXPECT_EQ(received.messages, (std::vector<std::string>{"warning: one", "error: two"}));
}

TEST(Log, TellsOnceForEachFlag) {
    Received received;
    set_log_callback(receive, &received);
    std::atomic<bool> first{false};
    std::atomic<bool> second{false};
    for (int i = 0; i < 3; ++i) {
        log_once(first, LogLevel::kWarning, "first");
        log_once(second, LogLevel::kWarning, "second");
    }
    set_log_callback(nullptr, nullptr);
    EXPECT_EQ(received.messages.size(), 2U);
}

}  // namespace
}  // namespace numapool::base
