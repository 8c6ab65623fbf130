// Owns: what repeated measurements amount to: a median and the quartiles.
// Must not know: what was measured.
#include "samples.h"

#include <algorithm>
#include <cmath>

namespace numapool_cli {

std::optional<Spread> spread_of(std::vector<double> samples) {
    if (samples.empty()) return std::nullopt;
    std::sort(samples.begin(), samples.end());
    const auto quantile = [&](double share) {
        const double at = share * static_cast<double>(samples.size() - 1);
        const auto below = static_cast<std::size_t>(at);
        const std::size_t above = std::min(below + 1, samples.size() - 1);
        return std::lerp(samples[below], samples[above], at - static_cast<double>(below));
    };
    return Spread{quantile(0.25), quantile(0.5), quantile(0.75), samples.size()};
}

}  // namespace numapool_cli
