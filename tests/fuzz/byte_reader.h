// Owns: reading decisions out of a string of bytes; when it is used up, zeros.
// Must not know: what the decisions are about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace numapool::fuzz {

class ByteReader {
public:
    explicit ByteReader(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}

    bool done() const noexcept { return at_ >= bytes_.size(); }
    std::size_t position() const noexcept { return at_; }
    unsigned byte() noexcept { return done() ? 0U : bytes_[at_++]; }
    unsigned word() noexcept {
        const unsigned low = byte();
        return low | byte() << 8;
    }
    /// A number below `bound`, 1 to 256.
    unsigned below(unsigned bound) noexcept { return byte() % bound; }
    /// True once in `times`.
    bool once_in(unsigned times) noexcept { return below(times) == times - 1; }
    template <class T, std::size_t kCount>
    const T& one_of(const T (&choices)[kCount]) noexcept {
        return choices[below(static_cast<unsigned>(kCount))];
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

}  // namespace numapool::fuzz
