// Owns: address space: reserving it, making it usable, giving its pages back.
// Must not know: blocks, pools, nodes.
//
// All functions are noexcept and thread-safe; addresses and sizes are multiples of the page size. A returned
// int is an errno, 0 for success.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numapool::os {

std::size_t page_bytes() noexcept;

/// Bytes of memory and swap that the machine has.
std::size_t memory_bytes() noexcept;

/// Reserves `bytes` of address space at a multiple of `alignment` (a power of two), without access and
/// without memory; 0 if the system refuses.
std::uintptr_t reserve(std::size_t bytes, std::size_t alignment) noexcept;

/// Reserves `bytes` of address space that reads zero, without memory, until commit() makes it writable;
/// nullptr if the system refuses.
void* reserve_zeros(std::size_t bytes) noexcept;

/// Gives address space back.
int release(std::uintptr_t address, std::size_t bytes) noexcept;

/// Makes reserved memory readable and writable; pages appear, zeroed, on first touch.
int commit(std::uintptr_t address, std::size_t bytes) noexcept;

/// Forbids every access, keeping the pages and what they hold; commit() allows it again. An error may leave a
/// part of them forbidden.
int forbid(std::uintptr_t address, std::size_t bytes) noexcept;

/// A quarter of the mappings that the process may have (vm.max_map_count, looked up once). Who makes many of
/// one kind keeps to it: the others are the program's.
std::size_t mapping_share() noexcept;

/// Gives the pages back, keeping the addresses usable: they read zero from now on.
int decommit(std::uintptr_t address, std::size_t bytes) noexcept;

/// Faults all pages in, writable, keeping what they hold; in one call, or by touching them where the kernel
/// lacks that (before 5.14).
int populate(std::uintptr_t address, std::size_t bytes) noexcept;

/// Asks for, or rules out, transparent huge pages. A kernel without them says EINVAL.
int advise_huge_pages(std::uintptr_t address, std::size_t bytes, bool wanted) noexcept;

/// Bytes of the range that are in physical memory now, asked page by page.
std::size_t resident_bytes(std::uintptr_t address, std::size_t bytes) noexcept;

/// Zeroed memory for the library's own records; nullptr if the system refuses. Never given back.
void* map_records(std::size_t bytes) noexcept;

/// Milliseconds on a clock that only moves forward; cheap, a few milliseconds coarse.
std::uint64_t coarse_milliseconds() noexcept;

}  // namespace numapool::os
