// Owns: when the next request of the process is to be served with a block that is watched.
// Must not know: pools, what watching is.
#pragma once

#include <chrono>

namespace numapool::detail {

/// Samples come twice a second at most, and so seldom that no more than one part in 400 of a thread's time
/// goes into them, whatever one costs. Thread safety: any thread.
class SampleClock {
public:
    static bool due() noexcept;
    /// The same, for one caller only.
    static bool take() noexcept;
    /// A sample took that long.
    static void spend(std::chrono::nanoseconds time) noexcept;
    /// For tests: one is due now.
    static void reset() noexcept;
};

/// Spends the time that it lives.
class SampleTime {
public:
    explicit SampleTime(bool counts) noexcept : counts_(counts) {}
    SampleTime(const SampleTime&) = delete;
    SampleTime& operator=(const SampleTime&) = delete;
    ~SampleTime() {
        if (counts_) SampleClock::spend(std::chrono::steady_clock::now() - begin_);
    }

private:
    const bool counts_;
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace numapool::detail
