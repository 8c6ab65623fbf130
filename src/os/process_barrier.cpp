// Owns: the call behind process_barrier.h.
// Must not know: what it orders.
#include "os/process_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace numapool::os {
namespace {

bool membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

bool enroll() noexcept { return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

}  // namespace

bool have_process_barrier() noexcept {
    static const bool have = enroll() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    return have;
}

bool process_barrier() noexcept {
    // A process that came by a way that forgets enrolments enrols again.
    return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
           (enroll() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

}  // namespace numapool::os
