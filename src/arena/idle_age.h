// Owns: how long memory has been idle, on a millisecond clock that wraps.
// Must not know: whose memory.
#pragma once

#include <cstdint>

namespace numapool::arena {

/// Milliseconds from `since` to `now_ms`; 0 for what became idle after the clock was read. Right for up to 24
/// days.
constexpr std::uint32_t idle_age(std::uint32_t since, std::uint32_t now_ms) noexcept {
    const std::uint32_t age = now_ms - since;
    return age > 0x7fff'ffff ? 0 : age;
}

}  // namespace numapool::arena
