// Owns: the handler behind fault_signal.h.
// Must not know: which addresses are watched.
#include "os/fault_signal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/held_locks.h"

namespace numapool::os {
namespace {

constinit base::Mutex watch_mutex;
constinit std::atomic<FaultLook> looks{nullptr};  // release in watch_faults, acquire in the handler
struct sigaction before;                          // written before the handler is in place

void hand_on(int signal, siginfo_t* info, void* context) noexcept {
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler == SIG_IGN && info->si_code <= 0) {  // sent, not caused
    } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
        // The access is tried again and ends the process there, where a debugger should find it.
        static_cast<void>(::sigaction(signal, &before, nullptr));
        if (info->si_code <= 0) static_cast<void>(::raise(signal));
    } else {
        before.sa_handler(signal);
    }
}

void handle(int signal, siginfo_t* info, void* context) noexcept {
    const int error = errno;
    const FaultLook look = looks.load(std::memory_order_acquire);
    const bool again = look != nullptr && info->si_code == SEGV_ACCERR &&
                       look(reinterpret_cast<std::uintptr_t>(info->si_addr));
    errno = error;
    if (!again) hand_on(signal, info, context);
}

}  // namespace

bool watch_faults(FaultLook look) noexcept {
    if (looks.load(std::memory_order_acquire) != nullptr) return true;
    const std::lock_guard lock(watch_mutex);
    if (looks.load(std::memory_order_relaxed) != nullptr) return true;
    if (::sigaction(SIGSEGV, nullptr, &before) != 0) return false;
    // Who was there before is called as if by the system.
    struct sigaction ours = before;
    ours.sa_sigaction = handle;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & SA_NODEFER);
    looks.store(look, std::memory_order_release);
    if (::sigaction(SIGSEGV, &ours, nullptr) == 0) return true;
    looks.store(nullptr, std::memory_order_relaxed);
    return false;
}

bool sees_faults() noexcept {
    struct sigaction now{};
    return ::sigaction(SIGSEGV, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
           now.sa_sigaction == handle;
}

void lock_faults() noexcept { watch_mutex.lock(); }
void unlock_faults() noexcept { watch_mutex.unlock(); }

void write_error(const char* text) noexcept {
    std::size_t left = std::strlen(text);
    while (left != 0) {
        const ssize_t written = ::write(STDERR_FILENO, text, left);
        if (written < 0 && errno != EINTR) return;
        if (written <= 0) continue;
        text += written;
        left -= static_cast<std::size_t>(written);
    }
}

}  // namespace numapool::os
