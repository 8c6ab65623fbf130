// Owns: the bytes and protections behind fence.h.
// Must not know: pools, where such blocks are kept.
#include "pool/fence.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/bits.h"
#include "os/memory_tools.h"
#include "os/virtual_memory.h"

namespace numapool::detail {
namespace {

constexpr unsigned char kFilling = 0xFD;   // beside a live block
constexpr unsigned char kReturned = 0xDD;  // in a returned one
constexpr std::size_t kPatternBytes = 64;  // at least, on each side

// How many blocks of the process have fences of pages, each for two to four mappings more.
// Relaxed: a figure.
constinit std::atomic<std::size_t> page_fences{0};

bool count_fence() noexcept {
    if (page_fences.fetch_add(1, std::memory_order_relaxed) < os::mapping_share() / 3) return true;
    page_fences.fetch_sub(1, std::memory_order_relaxed);
    return false;
}

/// Forbids access. False: the system refuses, and all is as it was. It may refuse half-way; where it does not
/// take that back either, the memory counts as closed.
bool close(std::uintptr_t address, std::size_t bytes) noexcept {
    return os::forbid(address, bytes) == 0 || os::commit(address, bytes) != 0;
}

unsigned char* at(std::uintptr_t address) noexcept { return reinterpret_cast<unsigned char*>(address); }

struct Span {
    std::uintptr_t begin;
    std::uintptr_t end;

    void fill(unsigned char value) const noexcept { std::memset(at(begin), value, end - begin); }
    Damage changed(unsigned char value) const noexcept {
        const auto* found =
            std::find_if(at(begin), at(end), [value](unsigned char byte) { return byte != value; });
        return {found == at(end) ? 0 : reinterpret_cast<std::uintptr_t>(found)};
    }
};

// A page of filling is enough: what lies beyond need not even be in memory.
Span before(const FencedBlock& block) noexcept {
    const std::uintptr_t first = block.inner + block.front;
    return {block.user() - first > os::page_bytes() ? block.user() - os::page_bytes() : first, block.user()};
}
Span behind(const FencedBlock& block) noexcept {
    const std::uintptr_t end = block.user() + block.bytes;
    return {end, std::min(block.end() - block.back, end + os::page_bytes())};
}

}  // namespace

FenceShape FenceShape::around(FenceKind kind, std::size_t bytes, std::size_t alignment) noexcept {
    const std::size_t page = os::page_bytes();
    const std::size_t unit = kind == FenceKind::kPages ? page : kPatternBytes;
    const std::size_t front = alignment > page ? 0 : std::max(unit, alignment);
    const std::size_t data = base::align_up(std::max<std::size_t>(bytes, 1), std::min(alignment, page));
    return {kind, front, unit, front + base::align_up(data, unit) + unit, std::max(unit, alignment)};
}

FencedBlock::FencedBlock(const FenceShape& shape, std::uintptr_t inner_address, std::size_t inner_size,
                         std::size_t user_bytes, std::size_t alignment) noexcept
    : inner(inner_address),
      inner_bytes(inner_size),
      offset(shape.front),
      bytes(user_bytes),
      kind(shape.kind) {
    if (kind != FenceKind::kPages) return;
    back = shape.back;
    if (shape.front == 0) return;
    offset = inner_bytes - back - base::align_up(std::max<std::size_t>(bytes, 1), alignment);
    front = base::align_down(offset, os::page_bytes());
}

void FencedBlock::close_off(const void* pool, bool zeroed) noexcept {
    if (kind == FenceKind::kTool) {
        os::tools_hide(inner, inner_bytes);
        os::tools_block_made(pool, user(), bytes, zeroed);
        return;
    }
    if (front + back != 0) counted = count_fence();
    if (front != 0 && !(counted && close(inner, front))) front = 0, kind = FenceKind::kPattern;
    if (back != 0 && !(counted && close(end() - back, back))) back = 0, kind = FenceKind::kPattern;
    before(*this).fill(kFilling);
    behind(*this).fill(kFilling);
}

Damage FencedBlock::overrun() const noexcept {
    if (kind == FenceKind::kTool) return {};
    const Damage found = before(*this).changed(kFilling);
    return found ? found : behind(*this).changed(kFilling);
}

void FencedBlock::shut(const void* pool) noexcept {
    if (kind == FenceKind::kTool) os::tools_block_gone(pool, user(), bytes);
    if (kind == FenceKind::kPages && !close(inner, inner_bytes)) kind = FenceKind::kPattern;
    if (kind == FenceKind::kPattern) Span{user(), user() + bytes}.fill(kReturned);
}

Damage FencedBlock::late_write() const noexcept {
    if (kind != FenceKind::kPattern) return {};
    const Damage inside = Span{user(), user() + bytes}.changed(kReturned);
    return inside ? inside : overrun();
}

bool FencedBlock::open_up() noexcept {
    if (kind == FenceKind::kTool) os::tools_show(inner, inner_bytes);
    const bool closed = kind == FenceKind::kPages || front != 0 || back != 0;
    if (closed && os::commit(inner, inner_bytes) != 0) return false;
    if (std::exchange(counted, false)) page_fences.fetch_sub(1, std::memory_order_relaxed);
    return true;
}

}  // namespace numapool::detail
