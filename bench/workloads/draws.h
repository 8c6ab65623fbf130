// Owns: sizes and places drawn beforehand from a seed, the same for whoever is measured: drawing costs the
// measured loops nothing.
// Must not know: what they are for.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace numapool::bench {

/// Numbers to be taken in turn, over and over.
class Draws {
public:
    /// Sizes of `least` to `most` bytes, as many between 1 and 2 KiB as between 2 and 4.
    static Draws sizes(std::uint64_t seed, std::size_t least, std::size_t most) {
        std::mt19937_64 random(seed);
        std::uniform_real_distribution<double> exponent(std::log2(static_cast<double>(least)),
                                                        std::log2(static_cast<double>(most)));
        return Draws([&] { return static_cast<std::size_t>(std::exp2(exponent(random))); });
    }
    /// Places from 0 to `count` - 1.
    static Draws places(std::uint64_t seed, std::size_t count) {
        std::mt19937_64 random(seed);
        std::uniform_int_distribution<std::size_t> place(0, count - 1);
        return Draws([&] { return place(random); });
    }

    std::size_t next() { return drawn_[at_++ & (kDrawn - 1)]; }

    static constexpr std::size_t kDrawn = 8192;
    static_assert(std::has_single_bit(kDrawn));

private:
    template <class Draw>
    explicit Draws(Draw draw) : drawn_(kDrawn) {
        for (std::size_t& one : drawn_) one = draw();
    }

    std::vector<std::size_t> drawn_;
    std::size_t at_ = 0;
};

}  // namespace numapool::bench
