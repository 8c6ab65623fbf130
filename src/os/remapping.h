// Owns: moving pages to other addresses without copying, and having addresses mapped again when that failed.
// Must not know: blocks, pools, which pages are worth it.
//
// All functions are noexcept and thread-safe; addresses and sizes are multiples of the page size. A returned
// int is an errno, 0 for success.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numapool::os {

/// Whether the system moves pages as remap() wants it (Linux 5.7 or newer; not under Valgrind): tried once,
/// on a page of its own.
bool can_remap() noexcept;

/// can_remap() says no from now on: a call was refused with `error`, which will repeat.
void stop_remapping(int error) noexcept;
/// What it was stopped with last; 0 if it was not.
int remapping_error() noexcept;

/// For tests: can_remap() tries again.
void forget_remapping() noexcept;

/// Moves the pages in [from, from + bytes) to `to`, in place of what is mapped there. The old addresses stay
/// mapped as they were and read zero. The source must lie within one mapping of the kernel; `to` then is one
/// of its own, with the source's protection, policy and advice. Through the C library's mremap, which
/// libraries that register memory watch. After a failure the source is as it was, and nothing may be mapped
/// at `to` any more: see map_if_free().
int remap(std::uintptr_t from, std::uintptr_t to, std::size_t bytes) noexcept;

/// Makes [address, address + bytes) one mapping, readable, writable and zeroed, in place of what is mapped
/// there; its pages, its policy and its advice are gone. After a failure nothing may be mapped there any
/// more.
int map_anew(std::uintptr_t address, std::size_t bytes) noexcept;

/// Does the same where nothing is mapped. A failure (EEXIST if something is) changes nothing.
int map_if_free(std::uintptr_t address, std::size_t bytes) noexcept;

}  // namespace numapool::os
