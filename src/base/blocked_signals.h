// Owns: keeping signals away from the threads that the library starts: a handler is the program's own, and is
// to run on the program's threads. Must not know: which threads.
#pragma once

#include <pthread.h>

#include <csignal>

namespace numapool::base {

/// While it lives, the calling thread takes no signals, and threads that it starts never will.
class BlockedSignals {
public:
    BlockedSignals() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace numapool::base
