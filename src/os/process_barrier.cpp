// Owns: the call behind process_barrier.h.
// Must not know: what it orders.
#include "os/process_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace numapool::os {
namespace {

bool membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

bool enroll() noexcept { return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

}  // namespace

bool have_process_barrier() noexcept {
    enum : int { kUnknown, kNo, kYes };
    // Relaxed: guards nothing. No static that is made by the first call: a fork could catch it half-way.
    static constinit std::atomic<int> known{kUnknown};
    int have = known.load(std::memory_order_relaxed);
    if (have == kUnknown) {
        have = enroll() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ? kYes : kNo;
        known.store(have, std::memory_order_relaxed);
    }
    return have == kYes;
}

bool process_barrier() noexcept {
    // A process that came by a way that forgets enrolments enrols again.
    return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
           (enroll() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

}  // namespace numapool::os
