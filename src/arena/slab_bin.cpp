// Owns: slabs behind slab_bin.h.
// Must not know: threads' caches; large blocks.
#include "arena/slab_bin.h"

#include <algorithm>
#include <bit>
#include <new>

#include "arena/idle_age.h"
#include "arena/node_arena.h"
#include "arena/seal.h"
#include "base/bits.h"
#include "os/virtual_memory.h"

namespace numapool::arena {
namespace {

constexpr std::size_t kKeptEmptyBytes = std::size_t{512} << 10;  // of one class

std::size_t slab_bytes(const Slab& slab) noexcept { return slab.shape.slices * base::kSliceBytes; }

std::size_t bitmap_words(const base::ClassShape& shape) noexcept { return (shape.blocks + 63) / 64; }

std::size_t record_bytes(const base::ClassShape& shape) noexcept {
    return base::align_up(sizeof(Slab) + bitmap_words(shape) * sizeof(std::uint64_t), 64);
}

}  // namespace

void SlabBin::link(Slab* slab) noexcept {
    slab->previous = nullptr;
    slab->next = slabs_;
    if (slabs_ != nullptr) slabs_->previous = slab;
    slabs_ = slab;
    slab->listed = true;
}

void SlabBin::unlink(Slab* slab) noexcept {
    (slab->previous != nullptr ? slab->previous->next : slabs_) = slab->next;
    if (slab->next != nullptr) slab->next->previous = slab->previous;
    slab->listed = false;
}

void SlabBin::relist(Slab* slab) noexcept {
    const bool available = slab->used < slab->shape.blocks;
    if (available && !slab->listed) link(slab);
    if (!available && slab->listed) unlink(slab);
}

std::uintptr_t SlabBin::pop_returned(Slab& slab) noexcept {
    std::size_t word = 0;
    while (slab.returned[word] == 0) ++word;
    const auto bit = static_cast<std::size_t>(std::countr_zero(slab.returned[word]));
    slab.returned[word] &= slab.returned[word] - 1;
    const auto index = static_cast<std::uint32_t>(word * 64 + bit);
    if (slab.used++ == 0) --empty_;
    ++used_;
    --returned_;
    const std::uintptr_t block = slab.address_of(index);
    BlockMark& mark = slab.range->mark_of(block);
    if (mark.load(std::memory_order_relaxed) == 0) {  // handed out, but as part of something else
        set_mark(mark, mark_of_class(slab.size_class));
        first_word(block) = kSeal;
    }
    return block;
}

std::size_t SlabBin::take_returned(std::uintptr_t* blocks, std::size_t most) noexcept {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (Slab* slab = slabs_; slab != nullptr && count < most && returned_ != 0;) {
        Slab* next = slab->next;
        while (count < most && slab->returned_count() != 0) blocks[count++] = pop_returned(*slab);
        relist(slab);
        slab = next;
    }
    return count;
}

base::Result<FreshBlock> SlabBin::take_new(NodeArena& arena, std::uint32_t size_class) noexcept {
    const std::lock_guard lock(mutex_);
    if (slabs_ == nullptr) {
        if (auto made = make_slab(arena, size_class); !made) return made.failure();
    }
    Slab* slab = slabs_;
    if (slab->returned_count() != 0) {  // given back since the caller looked, or a slab of reused memory
        const std::uintptr_t block = pop_returned(*slab);
        relist(slab);
        return FreshBlock{block, true};
    }
    const std::size_t end = std::size_t{slab->fresh + 1} * slab->shape.block_bytes;
    const auto slices = static_cast<std::uint32_t>((end + base::kSliceBytes - 1) / base::kSliceBytes);
    if (slices > slab->charged) {
        const std::size_t more = slices - slab->charged;
        if (!arena.charge_slab(base::tier_of(slab->shape.block_bytes), more)) {
            return base::Failure{ErrorCode::kLimitExceeded, 0, more * base::kSliceBytes,
                                 arena.settings().budget->limit()};
        }
        slab->charged = slices;
    }
    const std::uint32_t index = slab->fresh++;
    if (slab->used++ == 0) --empty_;
    ++used_;
    relist(slab);
    const std::uintptr_t block = slab->address_of(index);
    set_mark(slab->range->mark_of(block), mark_of_class(size_class));
    return FreshBlock{block, false};
}

base::Result<Slab*> SlabBin::make_slab(NodeArena& arena, std::uint32_t size_class) noexcept {
    const base::ClassShape& shape = base::kClassShapes[size_class];
    void* record = arena.allocate_record(record_bytes(shape));
    if (record == nullptr) return base::Failure{ErrorCode::kOutOfMemory, 0, record_bytes(shape), 0};
    AddressRange* range = nullptr;
    auto memory = arena.take_slab_memory(size_class, range);
    if (!memory) {
        arena.free_record(record, record_bytes(shape));
        return memory.failure();
    }
    auto* slab = new (record) Slab;
    slab->base = memory->address;
    slab->shape = shape;
    slab->size_class = size_class;
    slab->range = range;
    slab->idle_since = static_cast<std::uint32_t>(os::coarse_milliseconds());
    slab->returned = reinterpret_cast<std::uint64_t*>(slab + 1);
    for (std::size_t word = 0; word < bitmap_words(shape); ++word) slab->returned[word] = 0;
    if (memory->committed) slab->charged = shape.slices;
    if (memory->reused()) {
        for (std::uint32_t i = 0; i < shape.blocks; ++i) slab->returned[i / 64] |= std::uint64_t{1} << i % 64;
        slab->fresh = shape.blocks;
        returned_ += shape.blocks;
    }
    ++empty_;
    const std::size_t first = range->index_of(slab->base);
    for (std::size_t i = 0; i < shape.slices; ++i) range->set_entry(first + i, SliceEntry::slab(slab));
    link(slab);
    return slab;
}

std::size_t SlabBin::put(NodeArena& arena, const std::uintptr_t* blocks, std::size_t count) noexcept {
    const auto now = static_cast<std::uint32_t>(os::coarse_milliseconds());
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const AddressRange* range = find_range(blocks[i]);
        const SliceEntry entry = range->entry(range->index_of(blocks[i]));
        // Returned twice, and written to in between (see seal.h): its slab may even be gone.
        if (!entry.is_slab() || &arena.bin(entry.slab()->size_class) != this) continue;
        Slab* slab = entry.slab();
        const std::uint32_t index = base::block_index(slab->shape, blocks[i] - slab->base);
        std::uint64_t& word = slab->returned[index / 64];
        const std::uint64_t bit = std::uint64_t{1} << index % 64;
        if ((word & bit) != 0) continue;
        word |= bit;
        ++taken;
        --used_;
        ++returned_;
        --slab->used;
        relist(slab);
        if (slab->used != 0) continue;
        slab->idle_since = now;
        // Some empty slabs stay, so that classes and threads in use keep their memory; more go where other
        // sizes can have them.
        const std::size_t kept = std::max<std::size_t>(kKeptEmptyBytes / slab_bytes(*slab), 1);
        if (++empty_ > kept) retire(arena, slab);
    }
    return taken;
}

bool SlabBin::has_returned(const AddressRange& range, std::uintptr_t address,
                           std::uint32_t size_class) noexcept {
    const std::lock_guard lock(mutex_);
    // Only under the lock do marks of this class go, and so the slab that the entry leads to.
    if (range.mark_at(address) != mark_of_class(size_class)) return true;
    const Slab& slab = *range.entry(range.index_of(address)).slab();
    const std::uint32_t index = base::block_index(slab.shape, address - slab.base);
    return (slab.returned[index / 64] >> index % 64 & 1) != 0;
}

std::size_t SlabBin::used() noexcept {
    const std::lock_guard lock(mutex_);
    return used_;
}

void SlabBin::retire(NodeArena& arena, Slab* slab) noexcept {
    unlink(slab);
    --empty_;
    returned_ -= slab->returned_count();
    const Tier tier = base::tier_of(slab->shape.block_bytes);
    // A slice of which part was handed out counts as all of it: set apart, such slices would keep what lies
    // around them from merging, and a class whose blocks do not fill their slab would never hit.
    const std::size_t bytes = std::size_t{slab->fresh} * slab->shape.block_bytes;
    const bool all = slab->fresh == slab->shape.blocks;
    const std::size_t handed_out = (bytes + base::kSliceBytes - 1) / base::kSliceBytes;
    for (std::uint32_t i = 0; i < slab->fresh; ++i) set_mark(slab->range->mark_of(slab->address_of(i)), 0);
    arena.put_slab_memory(*slab, tier, all ? slab->charged : handed_out, slab->charged);
    arena.free_record(slab, record_bytes(slab->shape));
}

bool SlabBin::retire_empty(NodeArena& arena, std::uint32_t now_ms, std::uint32_t age_ms) noexcept {
    const std::lock_guard lock(mutex_);
    if (empty_ == 0) return false;
    for (Slab* slab = slabs_; slab != nullptr;) {
        Slab* next = slab->next;
        if (slab->used == 0 && idle_age(slab->idle_since, now_ms) >= age_ms) retire(arena, slab);
        slab = next;
    }
    return empty_ != 0;
}

}  // namespace numapool::arena
