// Owns: the slow paths of a thread's cache: refilling, spilling, and sharing the budget among magazines.
// Must not know: pools, other threads' caches.
#include "cache/arena_cache.h"

#include <algorithm>
#include <array>

namespace numapool::cache {
namespace {

// A magazine grows by four blocks, or as many as these bytes hold, or one; and up to those that these hold.
constexpr std::size_t kGrowthBytes = std::size_t{128} << 10;
constexpr std::size_t kMostBytes = std::size_t{4} << 20;
// When the budget is spent, this many other classes are asked for room at a time,
constexpr std::uint32_t kSearched = 4;
// but none for more short blocks than these.
constexpr std::uint32_t kEnoughShort = 8;
constexpr std::size_t kShortBytes = 4096;

std::uint32_t blocks_in(std::size_t bytes, std::uint32_t size_class, std::size_t least,
                        std::size_t most) noexcept {
    return static_cast<std::uint32_t>(std::clamp(bytes / base::class_bytes(size_class), least, most));
}

}  // namespace

bool ArenaCache::refill(std::uint32_t size_class) noexcept {
    Magazine& magazine = this->magazine(size_class);
    while (const std::uintptr_t dropped = magazine.drop_unsealed()) unsealed_ = dropped;
    if (magazine.size() != 0) return true;
    const std::size_t wanted = 1 + magazine.limit() / 2;
    std::size_t got = shared_->depots[size_class].take(magazine.blocks(), wanted);
    if (got == 0) got = arena_->bin(size_class).take_returned(magazine.blocks(), wanted);
    drawn_[size_class].draw(got);
    magazine.resize(static_cast<std::uint32_t>(got));
    if (got == wanted) grow(magazine, size_class);  // more would have been of use
    return got != 0;
}

base::Result<arena::FreshBlock> ArenaCache::allocate_past_magazine(std::uint32_t size_class) noexcept {
    for (;;) {
        auto made = arena_->bin(size_class).take_new(*arena_, size_class);
        if (!made) return made;
        drawn_[size_class].draw(1);
        if (!made->reused || arena::unseal(made->address)) return made;
        unsealed_ = made->address;
    }
}

void ArenaCache::put_past_magazine(std::uint32_t size_class, std::uintptr_t block) noexcept {
    const std::size_t taken = arena_->bin(size_class).put(*arena_, &block, 1);
    drawn_[size_class].put_back(taken);
}

std::uint32_t ArenaCache::draw(std::uint32_t size_class, std::uint32_t most) noexcept {
    Allowance& allowance = shared_->budget.slab_bytes;
    const std::size_t block_bytes = base::class_bytes(size_class);
    const bool enough = block_bytes <= kShortBytes && magazine(size_class).limit() >= kEnoughShort;
    if (const std::size_t got = allowance.draw(block_bytes, most); got != 0 || enough)
        return static_cast<std::uint32_t>(got);
    for (std::uint32_t searched = 0; searched < kSearched; ++searched) {
        const std::uint32_t other = next_to_search_++ % base::kSizeClasses;
        if (Depot& depot = shared_->depots[other]; depot.unused()) depot.empty(*arena_, other, allowance);
        Magazine& spare = magazine(other);
        const std::size_t other_bytes = base::class_bytes(other);
        const auto needed = static_cast<std::uint32_t>((block_bytes + other_bytes - 1) / other_bytes);
        if (other == size_class || spare.limit() < needed) continue;
        // A class that is not in use now gives up its blocks as well as its room.
        const std::uint32_t left = spare.limit() - needed;
        if (spare.size() > left) spill(spare, other, spare.size() - left);
        spare.set_limit(left);
        allowance.give_back(needed * other_bytes);
        break;
    }
    return static_cast<std::uint32_t>(allowance.draw(block_bytes, 1));
}

void ArenaCache::grow(Magazine& magazine, std::uint32_t size_class) noexcept {
    const std::uint32_t left = blocks_in(kMostBytes, size_class, 4, Magazine::kCapacity) - magazine.limit();
    const std::uint32_t most = std::min(blocks_in(kGrowthBytes, size_class, 1, 4), left);
    if (most != 0) magazine.set_limit(magazine.limit() + draw(size_class, most));
}

void ArenaCache::free_past_magazine(std::uint32_t size_class, std::uintptr_t block) noexcept {
    Magazine& magazine = this->magazine(size_class);
    if (magazine.push(block)) return;
    grow(magazine, size_class);
    if (magazine.full()) {
        if (magazine.limit() == 0) {
            static_cast<void>(arena::seal(block));
            put_past_magazine(size_class, block);
            return;
        }
        spill(magazine, size_class, magazine.limit() / 2 + 1);
    }
    static_cast<void>(magazine.push(block));  // there is room now
}

void ArenaCache::spill(Magazine& magazine, std::uint32_t size_class, std::uint32_t count) noexcept {
    count = std::min(count, magazine.size());
    if (count == 0) return;
    // The bottom of the stack is what was used longest ago. It leaves before anyone else can have it.
    std::array<std::uintptr_t, Magazine::kCapacity> leaving;
    std::copy_n(magazine.blocks(), count, leaving.data());
    std::copy(magazine.blocks() + count, magazine.blocks() + magazine.size(), magazine.blocks());
    magazine.resize(magazine.size() - count);
    std::size_t gone = shared_->depots[size_class].put(leaving.data(), count, base::class_bytes(size_class),
                                                       shared_->budget.slab_bytes);
    if (gone != count) gone += arena_->bin(size_class).put(*arena_, leaving.data() + gone, count - gone);
    drawn_[size_class].put_back(gone);  // last
}

void ArenaCache::free_past_slots(std::uintptr_t block, const KeptBlock& kept) noexcept {
    if (large_.put(block, kept)) return;
    // Who only returns what others need, and so steal, keeps nothing from them.
    const std::uint64_t taken = figures.large_allocations.get();
    if (large_.robbed()) {
        close_large();
        large_taken_when_robbed_ = taken;
    }
    if (const std::uint32_t limit = large_.limit();
        limit < LargeSlots::kSlots && large_taken_when_robbed_ != taken) {
        large_.set_limit(limit + static_cast<std::uint32_t>(shared_->budget.large_blocks.draw(1, 1)));
        if (large_.put(block, kept)) return;
    }
    KeptBlock evicted;
    const std::uintptr_t leaving = large_.evict(evicted);
    bool due = leaving != 0 && put_large(leaving, evicted.bytes);
    // A thief may have come meanwhile.
    if (!large_.put(block, kept)) due |= put_large(block, kept.bytes);
    if (due) arena_->release_lapsed();
}

bool ArenaCache::put_large(std::uintptr_t block, std::size_t bytes) noexcept {
    arena::AddressRange& range = *arena::find_range(block);
    return arena_->put_block(range, range.index_of(block), bytes, shared_->budget.large_blocks.drawn());
}

bool ArenaCache::drain_large() noexcept {
    bool due = false;
    large_.empty([&](std::uintptr_t block, const KeptBlock& kept) { due |= put_large(block, kept.bytes); });
    return due;
}

bool ArenaCache::steal_large() noexcept {
    bool due = false;
    large_.steal([&](std::uintptr_t block, const KeptBlock& kept) { due |= put_large(block, kept.bytes); });
    return due;
}

void ArenaCache::flush_magazine(std::uint32_t size_class) noexcept {
    Magazine& magazine = this->magazine(size_class);
    // First, so that the depot may draw for what it takes.
    shared_->budget.slab_bytes.give_back(magazine.limit() * base::class_bytes(size_class));
    magazine.set_limit(0);
    spill(magazine, size_class, magazine.size());
}

void ArenaCache::flush_magazines() noexcept {
    for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class)
        flush_magazine(size_class);
}

void ArenaCache::close_large() noexcept {
    // First, so that the arena may keep what comes.
    shared_->budget.large_blocks.give_back(large_.limit());
    large_.set_limit(0);
    if (drain_large()) arena_->release_lapsed();
}

std::size_t ArenaCache::ready_blocks(Tier tier) const noexcept {
    if (tier == Tier::kLarge) return large_.filled();
    std::size_t blocks = 0;
    for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
        if (base::tier_of(base::class_bytes(size_class)) == tier) blocks += magazine(size_class).size();
    }
    return blocks;
}

}  // namespace numapool::cache
