// Owns: the table and the queue behind fenced_blocks.h.
// Must not know: arenas, caches.
#include "pool/fenced_blocks.h"

#include <algorithm>
#include <array>
#include <new>
#include <thread>
#include <utility>

#include "arena/idle_age.h"
#include "os/virtual_memory.h"

namespace numapool::detail {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
constexpr std::size_t kFewestBuckets = 512;

}  // namespace

struct FencedBlocks::Chunk {
    Chunk* next;
    std::array<Record, (kChunkBytes - sizeof(Chunk*)) / sizeof(Record)> records;
};

FencedBlocks::~FencedBlocks() {
    while (chunks_ != nullptr) {
        Chunk* const chunk = chunks_;
        chunks_ = chunk->next;
        os::release(reinterpret_cast<std::uintptr_t>(chunk), kChunkBytes);
    }
    if (!buckets_.empty())
        os::release(reinterpret_cast<std::uintptr_t>(buckets_.data()), buckets_.size_bytes());
}

FencedBlocks::Record*& FencedBlocks::bucket(std::uintptr_t user) noexcept {
    // Knuth's multiplicative hash: the upper half of the product depends on all bits of the address.
    return buckets_[user * 0x9E3779B97F4A7C15U >> 32 & (buckets_.size() - 1)];
}

FencedBlocks::Record* FencedBlocks::known(std::uintptr_t user) noexcept {
    if (buckets_.empty()) return nullptr;
    Record* record = bucket(user);
    while (record != nullptr && record->block.user() != user) record = record->chain;
    return record;
}

bool FencedBlocks::make_buckets() noexcept {
    const std::span<Record*> old = buckets_;
    const std::size_t count = std::max(old.size() * 4, kFewestBuckets);
    auto* made = static_cast<Record**>(os::map_records(count * sizeof(Record*)));
    if (made == nullptr) return !old.empty();  // chains become longer
    buckets_ = {made, count};
    for (Record* first : old) {
        while (first != nullptr) {
            Record* const record = std::exchange(first, first->chain);
            record->chain = std::exchange(bucket(record->block.user()), record);
        }
    }
    if (!old.empty()) os::release(reinterpret_cast<std::uintptr_t>(old.data()), old.size_bytes());
    return true;
}

FencedBlocks::Record* FencedBlocks::make_record() noexcept {
    if (unused_ != nullptr) return std::exchange(unused_, unused_->chain);
    if (unmade_ == 0) {
        auto* chunk = static_cast<Chunk*>(os::map_records(kChunkBytes));
        if (chunk == nullptr) return nullptr;
        chunk->next = std::exchange(chunks_, chunk);
        unmade_ = chunk->records.size();
    }
    return &chunks_->records[--unmade_];
}

bool FencedBlocks::add(const FencedBlock& block) noexcept {
    const std::lock_guard lock(mutex_);
    if (size() >= buckets_.size() && !make_buckets()) return false;
    Record* const record = make_record();
    if (record == nullptr) return false;
    Record*& first = bucket(block.user());
    first = new (record) Record{block, nullptr, first};
    count_.fetch_add(1, std::memory_order_relaxed);
    made_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void FencedBlocks::update(const FencedBlock& block) noexcept {
    const std::lock_guard lock(mutex_);
    known(block.user())->block = block;
}

std::optional<FencedBlock> FencedBlocks::find(std::uintptr_t user) noexcept {
    const std::lock_guard lock(mutex_);
    const Record* found = known(user);
    if (found == nullptr) return std::nullopt;
    return found->block;
}

template <class Use>
void FencedBlocks::try_locked(Use use) noexcept {
    // The thread that faulted holds no lock of ours; who does is at work and soon done.
    for (int tries = 0; tries < 100000; ++tries) {
        if (std::unique_lock lock(mutex_, std::try_to_lock); lock) {
            use();
            return;
        }
        std::this_thread::yield();
    }
}

FencedBlocks::Record* FencedBlocks::around(std::uintptr_t address) noexcept {
    for (Record* record : buckets_) {
        for (; record != nullptr; record = record->chain) {
            if (record->block.covers(address)) return record;
        }
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
        if (Record* found = known(user); found != nullptr) found->block.misused = true;
    });
}

std::optional<FencedBlock> FencedBlocks::begin_return(std::uintptr_t user, const os::CallSite& site,
                                                      std::uint32_t now_ms) noexcept {
    const std::lock_guard lock(mutex_);
    Record* const found = known(user);
    if (found == nullptr) return std::nullopt;
    FencedBlock& block = found->block;
    if (block.state != FencedBlock::State::kLive) return std::nullopt;
    block.state = FencedBlock::State::kReturned;
    block.returned = site;
    block.returned_at_ms = now_ms;
    return block;
}

void FencedBlocks::keep(const FencedBlock& block) noexcept {
    const std::lock_guard lock(mutex_);
    Record& record = *known(block.user());
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
    Record** at = &bucket(user);
    while ((*at)->block.user() != user) at = &(*at)->chain;
    Record* const gone = std::exchange(*at, (*at)->chain);
    gone->chain = std::exchange(unused_, gone);
    count_.fetch_sub(1, std::memory_order_relaxed);
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
