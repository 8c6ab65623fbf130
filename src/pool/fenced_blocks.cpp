// Owns: the table and the queue behind fenced_blocks.h.
// Must not know: arenas, caches.
#include "pool/fenced_blocks.h"

#include <new>
#include <thread>

#include "arena/idle_age.h"

namespace numapool::detail {
namespace {

// See FencedBlock::offset.
std::uintptr_t key(std::uintptr_t user) noexcept { return ~user; }

}  // namespace

bool FencedBlocks::add(const FencedBlock& block) noexcept {
    try {
        const std::lock_guard lock(mutex_);
        records_.insert_or_assign(key(block.user()), Record{block, nullptr});
        count_.store(records_.size(), std::memory_order_relaxed);
        made_.fetch_add(1, std::memory_order_relaxed);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void FencedBlocks::update(const FencedBlock& block) noexcept {
    const std::lock_guard lock(mutex_);
    records_.find(key(block.user()))->second.block = block;
}

std::optional<FencedBlock> FencedBlocks::find(std::uintptr_t user) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(key(user));
    if (found == records_.end()) return std::nullopt;
    return found->second.block;
}

template <class Use>
void FencedBlocks::try_locked(Use use) noexcept {
    // The thread that faulted holds no lock of ours; who does is at work and soon done.
    auto& uncounted = static_cast<std::mutex&>(mutex_);
    for (int tries = 0; tries < 100000; ++tries) {
        if (std::unique_lock lock(uncounted, std::try_to_lock); lock) {
            use();
            return;
        }
        std::this_thread::yield();
    }
}

FencedBlocks::Record* FencedBlocks::around(std::uintptr_t address) noexcept {
    for (auto& [hidden, record] : records_) {
        if (record.block.covers(address)) return &record;
    }
    return nullptr;
}

std::optional<FencedBlock> FencedBlocks::find_around(std::uintptr_t address) noexcept {
    std::optional<FencedBlock> result;
    try_locked([&] {
        if (const Record* found = around(address); found != nullptr) result = found->block;
    });
    return result;
}

void FencedBlocks::mark_misused(std::uintptr_t user) noexcept {
    try_locked([&] {
        if (const auto found = records_.find(key(user)); found != records_.end())
            found->second.block.misused = true;
    });
}

std::optional<FencedBlock> FencedBlocks::begin_return(std::uintptr_t user, const os::CallSite& site,
                                                      std::uint32_t now_ms) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(key(user));
    if (found == records_.end()) return std::nullopt;
    FencedBlock& block = found->second.block;
    if (block.state != FencedBlock::State::kLive) return std::nullopt;
    block.state = FencedBlock::State::kReturned;
    block.returned = site;
    block.returned_at_ms = now_ms;
    return block;
}

void FencedBlocks::keep(const FencedBlock& block) noexcept {
    const std::lock_guard lock(mutex_);
    Record& record = records_.find(key(block.user()))->second;
    const bool misused = record.block.misused;  // a handler may have noted it meanwhile
    record.block = block;
    record.block.misused |= misused;
    record.next = nullptr;
    (newest_ != nullptr ? newest_->next : oldest_) = &record;
    newest_ = &record;
    waiting_bytes_ += block.inner_bytes;
    waiting_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<FencedBlock> FencedBlocks::pop() noexcept {
    Record& record = *oldest_;
    oldest_ = record.next;
    if (oldest_ == nullptr) newest_ = nullptr;
    waiting_bytes_ -= record.block.inner_bytes;
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return record.block;
}

void FencedBlocks::forget(std::uintptr_t user) noexcept {
    const std::lock_guard lock(mutex_);
    records_.erase(key(user));
    count_.store(records_.size(), std::memory_order_relaxed);
}

std::optional<FencedBlock> FencedBlocks::take_surplus(std::size_t most_blocks,
                                                      std::size_t most_bytes) noexcept {
    const std::lock_guard lock(mutex_);
    if (oldest_ == nullptr || (waiting() <= most_blocks && waiting_bytes_ <= most_bytes)) return std::nullopt;
    if (most_blocks != 0 && oldest_ == newest_) return std::nullopt;
    return pop();
}

std::optional<FencedBlock> FencedBlocks::take_older(std::uint32_t now_ms, std::uint32_t age_ms) noexcept {
    const std::lock_guard lock(mutex_);
    if (oldest_ == nullptr || arena::idle_age(oldest_->block.returned_at_ms, now_ms) < age_ms)
        return std::nullopt;
    return pop();
}

}  // namespace numapool::detail
