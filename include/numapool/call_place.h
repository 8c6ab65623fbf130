// Owns: how a program says where it is in a language that this library does not speak.
// Must not know: what is told of it.
#pragma once

#include <cstddef>

#include "numapool/export.h"

namespace numapool {

/// Writes where the calling thread is, for instance "train.py:12 in step", as a string of at most `bytes`
/// bytes with its end, or nothing. Called from any thread that gets or returns a block that is watched for
/// misuse (NUMAPOOL_CHECK), perhaps with locks held: it must not call the library.
using PlaceNamer = void (*)(char* text, std::size_t bytes) noexcept;

/// Has reports of misuse name such places beside the stack's frames; nullptr for none. Thread safety: any
/// thread.
NUMAPOOL_API void set_place_namer(PlaceNamer namer) noexcept;

}  // namespace numapool
