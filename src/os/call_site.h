// Owns: where in the program a call came from: return addresses, and the place in a language of its own.
// Must not know: what the call was.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace numapool::os {

/// Writes where the calling thread is in a language that this library does not speak, for instance
/// "train.py:12 in step"; nothing if it is in none.
using PlaceNamer = void (*)(char* text, std::size_t bytes) noexcept;
/// Any thread; nullptr for none.
void set_place_namer(PlaceNamer namer) noexcept;

/// A snapshot of the calling thread's stack.
struct CallSite {
    static constexpr std::size_t kFrames = 16;
    std::array<void*, kFrames> frames{};
    int depth = 0;
    int thread = 0;  ///< the system's number
    std::array<char, 160> place{};

    /// Costs microseconds; the first call of a process loads the unwinder. Any thread.
    static CallSite here() noexcept;
    /// Writes the thread, the place and a line for each frame to stderr: names of functions that are visible
    /// in their module, and module and offset for all (addr2line tells source lines). Safe in a signal
    /// handler.
    void write(const char* what) const noexcept;
};

}  // namespace numapool::os
