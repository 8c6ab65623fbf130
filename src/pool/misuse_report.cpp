// Owns: the sentences of misuse_report.h.
// Must not know: how misuse is found.
#include "pool/misuse_report.h"

#include <array>
#include <cstdio>

#include "os/fault_signal.h"

namespace numapool::detail {
namespace {

template <std::size_t kBytes>
struct Text {
    std::array<char, kBytes> line{};

    template <class... Values>
    explicit Text(const char* format, Values... values) noexcept {
        // No conversion used here allocates.
        static_cast<void>(std::snprintf(line.data(), line.size(), format, values...));
    }
    const char* get() const noexcept { return line.data(); }
};

/// Where `address` is, as seen from the holder's bytes.
Text<64> place(const FencedBlock& block, std::uintptr_t address) noexcept {
    const std::uintptr_t end = block.user() + block.bytes;
    if (address < block.user()) return Text<64>("%zu bytes before the start", block.user() - address);
    if (address >= end) return Text<64>("%zu bytes behind the end", address - end + 1);
    return Text<64>("at byte %zu", address - block.user());
}

void tell(const char* what, const char* pool, const FencedBlock& block, std::uintptr_t address) noexcept {
    os::write_error(Text<500>("numapool: %s: %#zx is %s of a block of %zu bytes at %#zx of pool \"%s\"\n",
                              what, std::size_t{address}, place(block, address).get(), block.bytes,
                              std::size_t{block.user()}, pool)
                        .get());
    block.got.write("it was handed out");
    if (block.state == FencedBlock::State::kReturned) block.returned.write("it was returned");
}

}  // namespace

void tell_of_access(const char* pool, const FencedBlock& block, std::uintptr_t address) noexcept {
    const bool returned = block.state == FencedBlock::State::kReturned;
    tell(returned ? "use after return" : "access out of bounds", pool, block, address);
    os::CallSite::here_in_handler().write("it was touched");
}

void tell_of_damage(const char* pool, const FencedBlock& block, Damage damage) noexcept {
    const bool inside = damage.address >= block.user() && damage.address < block.user() + block.bytes;
    tell(inside ? "written after return" : "written out of bounds", pool, block, damage.address);
}

void tell_of_return(const char* pool, ErrorCode code, std::uintptr_t address, const FencedBlock* block,
                    const os::CallSite& site) noexcept {
    os::write_error(Text<500>("numapool: bad return: %#zx, to pool \"%s\": %s\n", std::size_t{address}, pool,
                              to_string(code))
                        .get());
    site.write("it was returned now");
    if (block == nullptr) return;
    block->got.write("it was handed out");
    if (block->state == FencedBlock::State::kReturned) block->returned.write("it was returned first");
}

}  // namespace numapool::detail
