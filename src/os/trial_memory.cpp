// Owns: memory mapped only to try things on, and each single way to ask where a page lies.
// Must not know: what a trial's outcome means.
#include "os/trial_memory.h"

#include <linux/mempolicy.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>

#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

long faults_of_thread() noexcept {
    rusage usage{};
    return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_minflt + usage.ru_majflt : -1;
}

}  // namespace

TrialMemory::TrialMemory(std::size_t bytes, std::size_t alignment) noexcept
    : bytes_(bytes), address_(reserve(bytes, alignment)) {
    if (address_ == 0) {
        error_ = ENOMEM;
    } else if ((error_ = commit(address_, bytes_)) != 0) {
        release(address_, bytes_);
        address_ = 0;
    }
}

TrialMemory::~TrialMemory() {
    if (address_ != 0) release(address_, bytes_);
}

long TrialMemory::touch() noexcept {
    const long before = faults_of_thread();
    for (std::size_t offset = 0; address_ != 0 && offset < bytes_; offset += page_bytes()) {
        *reinterpret_cast<volatile char*>(address_ + offset) = 1;
    }
    const long after = faults_of_thread();
    return before < 0 || after < 0 ? -1 : after - before;
}

int locate_by_move_pages(std::uintptr_t address, int& node) noexcept {
    void* page = reinterpret_cast<void*>(address);
    int status = -ENOENT;
    if (counted_calls().locate(1, &page, &status) != 0) return errno;
    if (status < 0) return -status;
    node = status;
    return 0;
}

int locate_by_get_mempolicy(std::uintptr_t address, int& node) noexcept {
    int found = -1;
    void* page = reinterpret_cast<void*>(address);
    if (counted_calls().get_policy(&found, nullptr, 0, page, MPOL_F_NODE | MPOL_F_ADDR) != 0) return errno;
    node = found;
    return 0;
}

}  // namespace numapool::os
