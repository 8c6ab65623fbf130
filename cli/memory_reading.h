// Owns: reading memory as fast as one thread can, and as slowly as dependent loads are.
// Must not know: nodes or pools.
#pragma once

#include <cstddef>
#include <span>

namespace numapool_cli {

/// Fills `memory` with a chain of pointers through its 64-byte lines, each visited once, in an order that is
/// random but the same each time. `memory` is aligned to 64 bytes and holds two lines at least.
void link_lines(std::span<std::byte> memory);

/// Follows the chain from `at`, which is moved on, for about `seconds`; returns nanoseconds a load.
double follow_chain(const void*& at, double seconds);

/// Adds up `memory`'s words from the offset `at`, which is moved on, around its end, for about `seconds`;
/// returns GiB a second. `memory` is a multiple of 64 bytes, and so is `at`.
double read_words(std::span<const std::byte> memory, std::size_t& at, double seconds);

}  // namespace numapool_cli
