// Owns: what can go wrong, as a code and as exceptions.
// Must not know: pools, nodes, or how an error came about.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "numapool/export.h"

namespace numapool {

/// Why a call was refused. A refused call hands out nothing, loses nothing and is not counted. Where it
/// needed memory, idle memory may have been given back first, and where it looked pages up, the look-ups are
/// counted.
enum class ErrorCode {
    kOk = 0,
    kInvalidSize,       ///< the size overflows, or no machine could hold it
    kInvalidAlignment,  ///< not a power of two, or above kMaxAlignment
    kInvalidNode,       ///< a node that does not exist or that this process may not use
    kInvalidOption,     ///< an option outside its range
    kForeignPointer,    ///< not an address that this pool handed out
    kInteriorPointer,   ///< inside a block, but not its start
    kAlreadyReturned,   ///< the block was returned before
    kWrongPool,         ///< the block belongs to another pool
    kLimitExceeded,     ///< the pool's max_bytes would be exceeded
    kOutOfMemory,       ///< the system refused memory, also after idle memory was given back
    kPlacementFailed,   ///< strict binding, and a page is not, or cannot be shown to be, on its node
    kBindingRefused,    ///< the system would not bind the thread
    kClosed,            ///< the pool is closed
    kInterrupted,       ///< asked for by a signal handler while its thread was inside a pool
};

/// The code's name as a word, for instance "already returned". Never null.
NUMAPOOL_API const char* to_string(ErrorCode code) noexcept;

/// What all exceptions of this library have in common. Each concrete one also derives from the standard
/// exception that a C++ user expects, so both `catch (const std::bad_alloc&)` and `catch (const PoolError&)`
/// work.
class NUMAPOOL_EXCEPTION PoolError {
public:
    explicit PoolError(ErrorCode code) noexcept : code_(code) {}
    virtual ~PoolError();
    ErrorCode code() const noexcept { return code_; }
    /// What was wrong, with the value, and what would be right.
    virtual const char* message() const noexcept = 0;

protected:
    PoolError(const PoolError&) = default;
    PoolError& operator=(const PoolError&) = default;

private:
    ErrorCode code_;
};

/// A bad size, alignment, node or option; a pointer that cannot be returned here.
class NUMAPOOL_EXCEPTION ArgumentError : public std::invalid_argument, public PoolError {
public:
    ArgumentError(ErrorCode code, const std::string& message)
        : std::invalid_argument(message), PoolError(code) {}
    ~ArgumentError() override;
    const char* message() const noexcept override { return what(); }
};

/// The pool's limit or the system's memory is exhausted. If even the message cannot be made, a plain
/// std::bad_alloc comes.
class NUMAPOOL_EXCEPTION OutOfMemoryError : public std::bad_alloc, public PoolError {
public:
    OutOfMemoryError(ErrorCode code, const std::string& message) : PoolError(code), text_(message) {}
    ~OutOfMemoryError() override;
    const char* what() const noexcept override { return text_.what(); }
    const char* message() const noexcept override { return what(); }

private:
    std::runtime_error text_;  // copies without throwing, as an exception must
};

/// Strict binding was asked for and a page could not be had on its node, or a thread could not be bound.
class NUMAPOOL_EXCEPTION PlacementError : public std::runtime_error, public PoolError {
public:
    PlacementError(ErrorCode code, const std::string& message)
        : std::runtime_error(message), PoolError(code) {}
    ~PlacementError() override;
    const char* message() const noexcept override { return what(); }
};

/// The pool is closed.
class NUMAPOOL_EXCEPTION ClosedError : public std::logic_error, public PoolError {
public:
    ClosedError(ErrorCode code, const std::string& message) : std::logic_error(message), PoolError(code) {}
    ~ClosedError() override;
    const char* message() const noexcept override { return what(); }
};

}  // namespace numapool
