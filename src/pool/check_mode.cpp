// Owns: reading NUMAPOOL_CHECK.
// Must not know: what is checked.
#include "pool/check_mode.h"

#include <cstdlib>
#include <string>

#include "numapool/errors.h"

#include "os/memory_tools.h"

namespace numapool::detail {

CheckMode wanted_check_mode() {
    const char* text = std::getenv("NUMAPOOL_CHECK");
    const std::string value = text == nullptr ? "" : text;
    if (value.empty()) return os::tools_watch() ? CheckMode::kAll : CheckMode::kSampled;
    if (value == "0") return CheckMode::kOff;
    if (value == "1") return CheckMode::kAll;
    throw ArgumentError(ErrorCode::kInvalidOption,
                        "NUMAPOOL_CHECK is \"" + value + "\"; 0 or 1 are possible");
}

}  // namespace numapool::detail
