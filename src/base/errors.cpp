// Owns: the out-of-line parts of the exceptions, which give each its one type information.
// Must not know: who throws.
#include "numapool/errors.h"

#include "numapool/version.h"

namespace numapool {

PoolError::~PoolError() = default;
ArgumentError::~ArgumentError() = default;
OutOfMemoryError::~OutOfMemoryError() = default;
PlacementError::~PlacementError() = default;
ClosedError::~ClosedError() = default;

const char* to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::kOk:
            return "ok";
        case ErrorCode::kInvalidSize:
            return "invalid size";
        case ErrorCode::kInvalidAlignment:
            return "invalid alignment";
        case ErrorCode::kInvalidNode:
            return "invalid node";
        case ErrorCode::kInvalidOption:
            return "invalid option";
        case ErrorCode::kForeignPointer:
            return "foreign pointer";
        case ErrorCode::kInteriorPointer:
            return "interior pointer";
        case ErrorCode::kAlreadyReturned:
            return "already returned";
        case ErrorCode::kWrongPool:
            return "wrong pool";
        case ErrorCode::kLimitExceeded:
            return "limit exceeded";
        case ErrorCode::kOutOfMemory:
            return "out of memory";
        case ErrorCode::kPlacementFailed:
            return "placement failed";
        case ErrorCode::kBindingRefused:
            return "binding refused";
        case ErrorCode::kClosed:
            return "closed";
        case ErrorCode::kInterrupted:
            return "interrupted";
    }
    return "unknown";
}

const char* version() noexcept { return NUMAPOOL_VERSION_STRING; }

}  // namespace numapool
