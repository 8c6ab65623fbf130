// Owns: errors as values, for everything below the pool's face.
// Must not know: exceptions, or how an error is worded for users.
#pragma once

#include <cstddef>
#include <utility>

#include "numapool/errors.h"

namespace numapool::base {

/// Why something failed, with the figures that the message will need.
struct Failure {
    ErrorCode code = ErrorCode::kOk;
    int system_error = 0;   ///< errno, 0 if the system was not asked
    std::size_t value = 0;  ///< what was asked for
    std::size_t bound = 0;  ///< what would have been possible, where that is known
};

/// The `bound` of memory for which the process has no addresses left.
inline constexpr std::size_t kNoAddresses = ~std::size_t{0};

/// A T or the Failure that took its place.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : value_(std::move(value)) {}
    Result(Failure failure) noexcept : failure_(failure) {}

    bool ok() const noexcept { return failure_.code == ErrorCode::kOk; }
    explicit operator bool() const noexcept { return ok(); }
    T& operator*() noexcept { return value_; }
    T* operator->() noexcept { return &value_; }
    const Failure& failure() const noexcept { return failure_; }

private:
    T value_{};
    Failure failure_{};
};

}  // namespace numapool::base
