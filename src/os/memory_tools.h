// Owns: telling AddressSanitizer, LeakSanitizer and Valgrind what memory is.
// Must not know: blocks, pools.
//
// All functions do nothing where no such tool runs. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numapool::os {

/// Whether one of them watches this process.
bool tools_watch() noexcept;

/// Bytes beside a block that are no other block's, at least: what lies there is told as next to the block.
inline constexpr std::size_t kToolMargin = 64;

/// A pool of blocks begins or ends; `pool` is any address of its own.
void tools_pool_made(const void* pool) noexcept;
void tools_pool_gone(const void* pool) noexcept;
/// [address, address + bytes) is a block from now on, of defined contents if `defined`; what lies around it
/// is none.
void tools_block_made(const void* pool, std::uintptr_t address, std::size_t bytes, bool defined) noexcept;
/// It is one no longer: every access is an error.
void tools_block_gone(const void* pool, std::uintptr_t address, std::size_t bytes) noexcept;
/// No one's business: every access is an error.
void tools_hide(std::uintptr_t address, std::size_t bytes) noexcept;
/// The library's own again.
void tools_show(std::uintptr_t address, std::size_t bytes) noexcept;
/// Pointers in that memory keep what they point to from being a leak, as far as it is readable.
void tools_roots_made(std::uintptr_t address, std::size_t bytes) noexcept;
void tools_roots_gone(std::uintptr_t address, std::size_t bytes) noexcept;

}  // namespace numapool::os
