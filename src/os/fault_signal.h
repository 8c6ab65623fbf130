// Owns: the process's handler of SIGSEGV, and handing on what is not ours to whoever had it before.
// Must not know: which addresses are watched, or why.
#pragma once

#include <cstdint>

namespace numapool::os {

/// Asked in the handler, by the thread that faulted, about an access that the memory's protection forbids.
/// True: the access is to be tried again. False: it goes to the handler that was there before, by default to
/// the end of the process. May use what is safe in a signal handler only.
using FaultLook = bool (*)(std::uintptr_t address) noexcept;

/// Puts the handler in place, the first time; later calls change nothing. False if the system refuses. Where
/// a thread blocks the signal, the system ends the process at a fault, whatever the handler. Any thread.
bool watch_faults(FaultLook look) noexcept;
/// Whether the handler is in place now: not if the program has set another one since, which may or may not
/// hand on what it does not know.
bool sees_faults() noexcept;
/// For fork.
void lock_faults() noexcept;
void unlock_faults() noexcept;

/// Writes to stderr, all of it, in pieces if need be. Safe in a signal handler.
void write_error(const char* text) noexcept;

}  // namespace numapool::os
