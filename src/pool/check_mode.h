// Owns: which blocks of the process's pools are watched for misuse, as NUMAPOOL_CHECK says.
// Must not know: how.
#pragma once

#include <cstdint>

namespace numapool::detail {

enum class CheckMode : std::uint8_t {
    kOff,
    kSampled,  ///< one now and then, at a cost that is bounded
    kAll,      ///< all, and who is found ends the process
};

/// "0", "1", or, if it is not set, kSampled, and kAll where AddressSanitizer or Valgrind watches the process.
/// Throws ArgumentError (kInvalidOption) for any other value.
CheckMode wanted_check_mode();

}  // namespace numapool::detail
