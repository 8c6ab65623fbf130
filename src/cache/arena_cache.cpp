// Owns: the slow paths of a thread's cache: refilling, spilling, and sharing the budget among magazines.
// Must not know: pools, other threads' caches.
#include "cache/arena_cache.h"

#include <algorithm>

namespace numapool::cache {
namespace {

constexpr std::uint32_t kDrawAtOnce = 4;
// After the thread's other magazines had nothing to spare, this many calls do not search them again.
constexpr std::uint32_t kSkipSearches = 64;

}  // namespace

base::Result<arena::FreshBlock> ArenaCache::allocate_past_magazine(std::uint32_t size_class) noexcept {
    Magazine& magazine = magazines_[size_class];
    arena::SlabBin& bin = arena_->bin(size_class);
    const std::size_t wanted = 1 + magazine.limit() / 2;
    const std::size_t got = bin.take_returned(magazine.blocks(), wanted);
    if (got != 0) {
        for (std::size_t i = 0; i < got; ++i) {
            magazine.blocks()[i].state->store(static_cast<std::uint8_t>(arena::BlockState::kCached),
                                              std::memory_order_relaxed);
        }
        magazine.resize(static_cast<std::uint32_t>(got));
        return arena::FreshBlock{magazine.pop(), true};
    }
    auto fresh = bin.take_new(*arena_, size_class);
    if (fresh) {
        fresh->block.state->store(static_cast<std::uint8_t>(arena::BlockState::kLive),
                                  std::memory_order_relaxed);
    }
    return fresh;
}

std::size_t ArenaCache::draw(std::uint32_t size_class, std::size_t most) noexcept {
    const Tier tier = base::tier_of(base::class_bytes(size_class));
    if (const std::size_t got = budget_->draw(tier, most); got != 0) return got;
    if (skip_search_ != 0) {
        --skip_search_;
        return 0;
    }
    for (std::uint32_t other = 0; other < base::kSizeClasses; ++other) {
        Magazine& spare = magazines_[other];
        if (other == size_class || spare.limit() == 0 || base::tier_of(base::class_bytes(other)) != tier)
            continue;
        // A class that is not in use now gives up its blocks as well as its room.
        const std::uint32_t got = std::min<std::uint32_t>(spare.limit(), static_cast<std::uint32_t>(most));
        const std::uint32_t left = spare.limit() - got;
        if (spare.size() > left) spill(spare, other, spare.size() - left);
        spare.set_limit(left);
        return got;
    }
    skip_search_ = kSkipSearches;
    return 0;
}

void ArenaCache::free_past_magazine(std::uint32_t size_class, const arena::Block& block) noexcept {
    Magazine& magazine = magazines_[size_class];
    if (magazine.push(block)) return;
    if (magazine.limit() < Magazine::kCapacity) {
        const std::size_t most = std::min<std::size_t>(kDrawAtOnce, Magazine::kCapacity - magazine.limit());
        magazine.set_limit(magazine.limit() + static_cast<std::uint32_t>(draw(size_class, most)));
    }
    if (magazine.size() >= magazine.limit()) {
        if (magazine.limit() == 0) {
            arena_->bin(size_class).put(*arena_, &block, 1);
            return;
        }
        spill(magazine, size_class, magazine.limit() / 2 + 1);
    }
    static_cast<void>(magazine.push(block));  // there is room now
}

void ArenaCache::spill(Magazine& magazine, std::uint32_t size_class, std::uint32_t count) noexcept {
    count = std::min(count, magazine.size());
    if (count == 0) return;
    // The bottom of the stack is what was used longest ago.
    arena::Block* const blocks = magazine.blocks();
    arena_->bin(size_class).put(*arena_, blocks, count);
    std::copy(blocks + count, blocks + magazine.size(), blocks);
    magazine.resize(magazine.size() - count);
}

void ArenaCache::free_past_slots(std::uintptr_t block, std::size_t bytes) noexcept {
    if (large_.put(block, bytes)) return;
    if (large_.limit < LargeSlots::kSlots) {
        large_.limit += static_cast<std::uint32_t>(budget_->draw(Tier::kLarge, 1));
        if (large_.put(block, bytes)) return;
    }
    const std::uintptr_t evicted = large_.evict();
    const std::uintptr_t leaving = large_.put(block, bytes) ? evicted : block;
    if (leaving != 0) arena_->release_lapsed(put_large(leaving));
}

std::size_t ArenaCache::put_large(std::uintptr_t block) noexcept {
    arena::AddressRange& range = *arena::find_range(block);
    return arena_->put_block(range, range.index_of(block), budget_->granted(Tier::kLarge));
}

std::size_t ArenaCache::drain_large() noexcept {
    std::size_t lapsed = 0;
    for (std::uint32_t slot = 0; slot < LargeSlots::kSlots; ++slot) {
        if (const std::uintptr_t block = large_.steal(slot); block != 0) lapsed += put_large(block);
    }
    return lapsed;
}

void ArenaCache::flush_magazines() noexcept {
    for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
        Magazine& magazine = magazines_[size_class];
        spill(magazine, size_class, magazine.size());
        if (magazine.limit() != 0)
            budget_->give_back(base::tier_of(base::class_bytes(size_class)), magazine.limit());
        magazine.set_limit(0);
    }
}

void ArenaCache::close_large() noexcept {
    arena_->release_lapsed(drain_large());
    budget_->give_back(Tier::kLarge, large_.limit);
    large_.limit = 0;
}

std::size_t ArenaCache::ready_blocks(Tier tier) const noexcept {
    if (tier == Tier::kLarge) return large_.filled();
    std::size_t blocks = 0;
    for (std::uint32_t size_class = 0; size_class < base::kSizeClasses; ++size_class) {
        if (base::tier_of(base::class_bytes(size_class)) == tier) blocks += magazines_[size_class].size();
    }
    return blocks;
}

}  // namespace numapool::cache
