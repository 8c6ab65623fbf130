// Owns: checks of handing messages on.
// Must not know: what messages are about.
#include "base/log.h"

#include <cstdlib>
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

/// A child that logs under NUMAPOOL_LOG=`level` tells what matches `expected` on stderr.
void expect_told(const char* level, const char* expected) {
    EXPECT_EXIT(
        {
            ::setenv("NUMAPOOL_LOG", level, 1);
            log(LogLevel::kInfo, "one");
            log(LogLevel::kError, "two");
            std::exit(0);
        },
        testing::ExitedWithCode(0), expected);
}

TEST(LogDeathTest, TheEnvironmentSetsTheLevel) {
    // The variable is read once in a process: each child must be a new one.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    expect_told("debug", "^numapool: info: one\nnumapool: error: two\n$");
    expect_told("error", "^numapool: error: two\n$");
    expect_told("off", "^$");
    expect_told("loud", "\"loud\"; debug, info, warning, error or off(.|\n)*two");
}

}  // namespace
}  // namespace numapool::base
