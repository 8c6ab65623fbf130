// Owns: what the long tests share: goals from the environment, and an end with a message for a test that
// hangs. Must not know: what is tested.
#pragma once

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace numapool::stress {

/// The number in the environment variable `name`, or `otherwise`.
inline std::uint64_t goal(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// While it lives, at most `seconds` from now: then the process ends with a message, which is a failure.
class Watchdog {
public:
    Watchdog(const char* what, unsigned seconds) {
        told() = what;
        std::signal(SIGALRM, [](int) {
            // Only what a handler may do.
            const char* text = told();
            static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text)));
            static_cast<void>(!::write(STDERR_FILENO, ": hangs\n", 8));
            tell_where_threads_are();
            ::_exit(kHung);
        });
        ::alarm(seconds);
    }
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog() {
        ::alarm(0);
        std::signal(SIGALRM, SIG_DFL);
    }
    static constexpr int kHung = 99;  ///< the exit status

private:
    // Nothing here is safe in a handler; but the process is lost anyway, and it mostly works.
    static void tell_where_threads_are() {
        std::signal(SIGUSR2, [](int) {
            std::array<void*, 64> frames{};
            const int depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
            ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
            static_cast<void>(!::write(STDERR_FILENO, "--\n", 3));
        });
        const auto self = static_cast<int>(::syscall(SYS_gettid));
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
            const int thread = std::atoi(task.path().filename().c_str());
            if (thread == self) continue;
            ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR2);
            ::sleep(1);
        }
    }
    static const char*& told() {
        static const char* text = "";
        return text;
    }
};

}  // namespace numapool::stress
