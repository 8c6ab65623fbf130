// Owns: where in the program a call came from: return addresses, and what the program itself says of it.
// Must not know: what the call was.
#pragma once

#include <array>
#include <cstddef>

namespace numapool::os {

/// A snapshot of the calling thread's stack.
struct CallSite {
    static constexpr std::size_t kFrames = 16;
    std::array<void*, kFrames> frames{};
    int depth = 0;
    int thread = 0;  ///< the system's number
    std::array<char, 160> place{};

    /// Costs microseconds; the first call of a process loads the unwinder. Any thread.
    static CallSite here() noexcept;
    /// The same without what the program says; for a signal handler, once the unwinder is loaded.
    static CallSite here_in_handler() noexcept;
    /// Writes the thread, the place and a line for each frame to stderr: names of functions that are visible
    /// in their module, and module and offset for all (addr2line tells source lines). Safe in a signal
    /// handler.
    void write(const char* what) const noexcept;
};

}  // namespace numapool::os
