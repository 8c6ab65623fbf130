// Owns: memory mapped only to try things on, and each single way to ask where a page lies.
// Must not know: what a trial's outcome means.
//
// All functions are noexcept and thread-safe. A returned int is an errno, 0 for success.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numapool::os {

/// Readable and writable memory of no policy, unmapped at the end. Neither copied nor moved.
class TrialMemory {
public:
    /// `bytes` and `alignment` as os::reserve() takes them.
    TrialMemory(std::size_t bytes, std::size_t alignment) noexcept;
    TrialMemory(const TrialMemory&) = delete;
    TrialMemory& operator=(const TrialMemory&) = delete;
    ~TrialMemory();

    /// 0, or why there is no memory; then address() is 0.
    int error() const noexcept { return error_; }
    std::uintptr_t address() const noexcept { return address_; }
    std::size_t bytes() const noexcept { return bytes_; }
    /// Writes to every page, and tells how many page faults of the calling thread that took; -1 if unknown.
    long touch() noexcept;

private:
    std::size_t bytes_;
    std::uintptr_t address_ = 0;
    int error_ = 0;
};

/// By move_pages alone: the node of the page at `address`, a multiple of the page size. A page that is not
/// there is an error (ENOENT).
int locate_by_move_pages(std::uintptr_t address, int& node) noexcept;
/// By get_mempolicy alone; a page that is not there is faulted in.
int locate_by_get_mempolicy(std::uintptr_t address, int& node) noexcept;

}  // namespace numapool::os
