// Owns: the patterns of contents.h.
// Must not know: pools.
#include "contents.h"

#include <algorithm>
#include <cstring>

namespace numapool::fuzz {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kEnd = 8;  // words looked at on each side
// For kSome, of each unit in which memory comes and goes, or of less in short blocks, both ends.
constexpr std::size_t kLongUnit = 64 * 1024 / kWord;
constexpr std::size_t kShortUnit = 8 * 1024 / kWord;

/// Calls visit(first word, end word) for what `cover` means, until one returns false.
template <class Visit>
bool for_each_stretch(std::size_t words, Cover cover, Visit visit) noexcept {
    if (cover == Cover::kWhole || words <= 4 * kEnd) return visit(0, words);
    if (!visit(0, kEnd) || !visit(words - kEnd, words)) return false;
    if (cover == Cover::kEnds) return true;
    const std::size_t unit = words > 2 * kLongUnit ? kLongUnit : kShortUnit;
    for (std::size_t border = unit; border < words; border += unit) {
        if (!visit(border - 1, border + 1)) return false;
    }
    return true;
}

}  // namespace

void write_stamp(void* block, std::size_t bytes, std::uint64_t stamp, Cover cover) noexcept {
    auto* words = static_cast<std::uint64_t*>(block);
    const std::size_t count = bytes / kWord;
    for_each_stretch(count, cover, [&](std::size_t first, std::size_t end) noexcept {
        for (std::size_t i = first; i < end; ++i) words[i] = stamp + i;
        return true;
    });
    std::memset(words + count, static_cast<int>(stamp & 0xFF), bytes % kWord);
}

bool holds_stamp(const void* block, std::size_t bytes, std::uint64_t stamp, Cover cover) noexcept {
    const auto* words = static_cast<const std::uint64_t*>(block);
    const std::size_t count = bytes / kWord;
    const auto* tail = reinterpret_cast<const unsigned char*>(words + count);
    return for_each_stretch(count, cover,
                            [&](std::size_t first, std::size_t end) noexcept {
                                std::uint64_t different = 0;
                                for (std::size_t i = first; i < end; ++i) different |= words[i] ^ (stamp + i);
                                return different == 0;
                            }) &&
           std::all_of(tail, tail + bytes % kWord,
                       [&](unsigned char byte) { return byte == (stamp & 0xFF); });
}

bool reads_zero(const void* block, std::size_t bytes, Cover cover) noexcept {
    const auto* words = static_cast<const std::uint64_t*>(block);
    const std::size_t count = bytes / kWord;
    const auto* tail = reinterpret_cast<const unsigned char*>(words + count);
    return for_each_stretch(count, cover,
                            [&](std::size_t first, std::size_t end) noexcept {
                                std::uint64_t any = 0;
                                for (std::size_t i = first; i < end; ++i) any |= words[i];
                                return any == 0;
                            }) &&
           std::all_of(tail, tail + bytes % kWord, [](unsigned char byte) { return byte == 0; });
}

}  // namespace numapool::fuzz
