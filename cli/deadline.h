// Owns: a moment by which something has to be done.
// Must not know: what.
#pragma once

#include <algorithm>
#include <chrono>

namespace numapool_cli {

class Deadline {
public:
    explicit Deadline(double seconds_from_now)
        : end_(Clock::now() +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_from_now))) {
    }

    bool passed() const { return Clock::now() >= end_; }
    /// Never negative.
    double seconds_left() const {
        return std::max(0.0, std::chrono::duration<double>(end_ - Clock::now()).count());
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point end_;
};

}  // namespace numapool_cli
