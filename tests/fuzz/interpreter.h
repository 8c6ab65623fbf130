// Owns: making operations out of a string of bytes, the same ones for the same bytes.
// Must not know: what is right; the model does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace numapool::fuzz {

/// An input that begins with this byte is about the played machine, as is one in four of all; with 0, about
/// this one.
inline constexpr std::uint8_t kPlayedMachine = 3;
/// With this one, as one in sixteen, about pools that watch all of their blocks for misuse.
inline constexpr std::uint8_t kWatchedMachine = 1;

/// Does what `input` says, with pools that are gone afterwards; aborts with a trace if a pool misbehaves.
/// `origin` says in the trace where the input came from.
void interpret(std::span<const std::uint8_t> input, const std::string& origin);

}  // namespace numapool::fuzz
