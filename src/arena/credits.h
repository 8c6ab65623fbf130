// Owns: the credits that bound idle large buffers: one for each return, the newest consumed by each hit.
// Must not know: memory; which granules pay when a credit lapses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "os/virtual_memory.h"

namespace numapool::arena {

/// A bounded stack of byte counts that loses its oldest entry when full. Thread safety: none.
class Credits {
public:
    /// Room for `capacity` credits; false if the system refuses memory.
    bool reserve(std::size_t capacity) noexcept {
        capacity_ = capacity;
        if (capacity == 0) return true;
        ring_ = static_cast<std::size_t*>(os::map_records(capacity * sizeof(std::size_t)));
        return ring_ != nullptr;
    }
    void release() noexcept {
        if (ring_ != nullptr) os::release(reinterpret_cast<std::uintptr_t>(ring_), record_bytes());
    }

    /// Adds a credit; returns the bytes of the one that lapses for it, if more than `limit` would be held.
    std::size_t add(std::size_t bytes, std::size_t limit) noexcept {
        if (capacity_ == 0 || limit == 0) return bytes + lapse(0);
        std::size_t lapsed = lapse(limit - 1);
        if (count_ == capacity_) lapsed += lapse(capacity_ - 1);
        ring_[(oldest_ + count_++) % capacity_] = bytes;
        bytes_ += bytes;
        return lapsed;
    }
    void consume_newest() noexcept {
        if (count_ != 0) bytes_ -= ring_[(oldest_ + --count_) % capacity_];
    }
    /// Drops the oldest until no more than `bytes` are stood for: what was given back is no idle buffer.
    void shrink(std::size_t bytes) noexcept {
        while (bytes_ > bytes) drop_oldest();
    }
    std::size_t count() const noexcept { return count_; }

private:
    std::size_t record_bytes() const noexcept {
        const std::size_t page = os::page_bytes();
        return (capacity_ * sizeof(std::size_t) + page - 1) / page * page;
    }
    /// Drops the oldest until `keep` are left; returns their bytes.
    std::size_t lapse(std::size_t keep) noexcept {
        const std::size_t before = bytes_;
        while (count_ > keep) drop_oldest();
        return before - bytes_;
    }
    void drop_oldest() noexcept {
        bytes_ -= ring_[oldest_];
        oldest_ = (oldest_ + 1) % capacity_;
        --count_;
    }

    std::size_t* ring_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t oldest_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;  ///< of all credits held
};

}  // namespace numapool::arena
