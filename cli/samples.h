// Owns: what repeated measurements amount to: a median and the quartiles.
// Must not know: what was measured.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace numapool_cli {

struct Spread {
    double low = 0.0;  ///< first quartile
    double median = 0.0;
    double high = 0.0;  ///< third quartile
    std::size_t samples = 0;

    /// Whether the quartiles have no value in common, and come from five samples at least: otherwise the
    /// medians tell no difference.
    bool apart_from(const Spread& other) const noexcept {
        return (low > other.high || other.low > high) && samples >= 5 && other.samples >= 5;
    }
};

/// Quantiles between two samples are interpolated. Nothing for no samples.
std::optional<Spread> spread_of(std::vector<double> samples);

}  // namespace numapool_cli
