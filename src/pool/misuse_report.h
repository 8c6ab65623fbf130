// Owns: the words about a block that was misused.
// Must not know: how it was found, or what follows.
//
// Everything goes to stderr at once: an access is told of in a signal handler, other findings with locks
// held.
#pragma once

#include <cstdint>

#include "numapool/errors.h"

#include "pool/fence.h"

namespace numapool::detail {

/// An access that a fence, or a returned block's protection, did not allow. Safe in a signal handler.
void tell_of_access(const char* pool, const FencedBlock& block, std::uintptr_t address) noexcept;
/// Bytes beside a block, or in a returned one, that changed.
void tell_of_damage(const char* pool, const FencedBlock& block, Damage damage) noexcept;
/// A return that was refused; `block`, if not null, is what is known of the address.
void tell_of_return(const char* pool, ErrorCode code, std::uintptr_t address, const FencedBlock* block,
                    const os::CallSite& site) noexcept;

}  // namespace numapool::detail
