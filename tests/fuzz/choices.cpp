// Owns: the distributions of choices.h.
// Must not know: what is done with them.
#include "choices.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "byte_reader.h"

namespace numapool::fuzz {
namespace {

/// One of the sizes that blocks come in, from 64 bytes to 1 MiB.
std::size_t class_border(unsigned number) {
    if (number < 16) return (std::size_t{number} + 1) * 64;
    return std::size_t{9 + number % 8} << ((number - 16) / 8 + 7);
}

}  // namespace

std::size_t read_few_bytes(ByteReader& bytes) {
    const unsigned kind = bytes.byte();
    if (kind < 4) return kind / 2;
    if (kind < 120) return 1 + bytes.byte() * 4;
    if (kind < 190) return class_border(bytes.below(64)) + bytes.below(3) - 1;
    return kKiB + bytes.word();
}

std::size_t read_many_bytes(ByteReader& bytes) { return kMiB + 1 + bytes.word() * std::size_t{160}; }

std::size_t read_bytes(ByteReader& bytes) {
    const unsigned kind = bytes.byte();
    if (kind < 150) return read_few_bytes(bytes);
    if (kind < 200) return class_border(bytes.below(96)) + bytes.below(3) - 1;
    if (kind < 235) return kKiB + bytes.word() * std::size_t{16};
    if (kind < 253) return kMiB + 1 + bytes.word() * std::size_t{40};
    return kMiB + bytes.word() * std::size_t{496};
}

Cover read_cover(ByteReader& bytes, std::size_t block_bytes) {
    if (block_bytes <= 2 * kKiB) return Cover::kWhole;
    const unsigned often = block_bytes <= 64 * kKiB  ? 64
                           : block_bytes <= kMiB     ? 16
                           : block_bytes <= 4 * kMiB ? 4
                                                     : 1;
    const unsigned drawn = bytes.byte();
    return drawn < often ? Cover::kWhole : drawn < 128 ? Cover::kEnds : Cover::kSome;
}

Request read_request(ByteReader& bytes, const PoolModel& model) {
    Request request;
    const unsigned what = bytes.byte();
    if (what % 4 == 0) {
        const unsigned shift = bytes.byte();
        request.alignment = std::size_t{1} << (shift < 240 ? shift % 18 : shift % 27);
    }
    if (what / 4 % 2 == 0)
        request.placement = model.places()[bytes.below(static_cast<unsigned>(model.places().size()))];
    request.zeroed = what / 8 % 4 < 2;
    // Strict ones fault all their pages in.
    if (what >= 240) {
        static constexpr BindMode kModes[] = {BindMode::kNone, BindMode::kAdvisory, BindMode::kAdvisory,
                                              BindMode::kStrict};
        request.bind = bytes.one_of(kModes);
    }
    return request;
}

PoolOptions read_options(ByteReader& bytes, bool decay_allowed) {
    static constexpr std::size_t kBuffers[] = {32, 32, 0, 1, 4, 256};
    static constexpr std::size_t kLimits[] = {kMiB, 8 * kMiB, 3 * kMiB + 1, 64 * kMiB, 24 * kMiB};
    static constexpr std::size_t kIdle[] = {0, 256 * kKiB, 8 * kMiB, 100};
    PoolOptions options;
    options.name = "fuzzed";
    options.max_buffers = bytes.one_of(kBuffers);
    if (bytes.once_in(4)) options.max_bytes = bytes.one_of(kLimits);
    if (bytes.once_in(4)) options.max_idle_bytes = bytes.one_of(kIdle);
    options.movable = !bytes.once_in(4);
    options.zero_on_return = bytes.once_in(12);
    options.enable_monitoring = !bytes.once_in(4);
    options.numa_aware = !bytes.once_in(8);
    // Few ask for huge pages: clearing one takes as long as hundreds of operations.
    const unsigned huge = bytes.below(16);
    options.huge_pages = huge == 0 ? HugePages::kAlways : huge < 3 ? HugePages::kAuto : HugePages::kNever;
    const unsigned bind = bytes.below(16);
    options.bind = bind == 0 ? BindMode::kStrict : bind < 3 ? BindMode::kNone : BindMode::kAdvisory;
    static constexpr int kDecays[] = {-1, -1, -1, -1, -1, 0, 10, 10000};
    const int decay = bytes.one_of(kDecays);
    options.idle_decay = std::nullopt;
    if (decay >= 0) options.idle_decay = std::chrono::milliseconds(decay);
    if (!decay_allowed) options.idle_decay = std::nullopt;
    return options;
}

Wish read_bad_wish(ByteReader& bytes) {
    static constexpr std::size_t kAlignments[] = {0, 3, 65, 96, kMaxAlignment * 2, ~std::size_t{0}};
    static constexpr std::size_t kSizes[] = {
        ~std::size_t{0},      ~std::size_t{0} - 62, ~std::size_t{0} - 64 * kKiB,
        std::size_t{1} << 63, std::size_t{1} << 62, std::size_t{1} << 47};
    static constexpr int kNodes[] = {-1, -2, 77, 1023, 1024, std::numeric_limits<int>::max()};
    Wish wish;
    wish.way = bytes.once_in(2) ? Way::kThrowing : Way::kTrying;
    wish.bytes = read_few_bytes(bytes);
    switch (bytes.below(3)) {
        case 0:
            wish.request.alignment = bytes.one_of(kAlignments);
            break;
        case 1:
            wish.bytes = bytes.one_of(kSizes);
            if (wish.way == Way::kThrowing && bytes.once_in(2)) wish.way = Way::kPlain;
            break;
        default:
            wish.request.placement = Placement::on_node(bytes.one_of(kNodes));
    }
    return wish;
}

}  // namespace numapool::fuzz
