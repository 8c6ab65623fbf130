// Owns: the credits that bound idle large buffers: one for each return, the newest consumed by each hit; and
// the bytes of those that lapsed, which hits may still have until they are called in.
// Must not know: memory; which granules pay when a credit lapses.
#pragma once

#include <algorithm>
#include <cstddef>

#include "os/virtual_memory.h"

namespace numapool::arena {

/// A bounded stack of byte counts whose oldest entry lapses when it is full. What lapsed is called in when no
/// hit had need of it for a while: programs with more buffers than credits return all of them and ask for all
/// of them again in each of their steps. Thread safety: none.
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

    /// Adds a credit; the oldest lapse if more than `limit` would be held.
    void add(std::size_t bytes, std::size_t limit) noexcept {
        limit = std::min(limit, capacity_);
        if (limit == 0) {
            lapse(0);
            lapsed_ += bytes;
            return;
        }
        lapse(limit - 1);
        ring_[(oldest_ + count_++) % capacity_] = bytes;
        bytes_ += bytes;
    }
    /// A hit of `bytes`: the newest credit is consumed; without one, so much of what lapsed.
    void consume(std::size_t bytes) noexcept {
        if (count_ != 0) {
            bytes_ -= ring_[(oldest_ + --count_) % capacity_];
        } else {
            lapsed_ -= std::min(lapsed_, bytes);
            unneeded_ = std::min(unneeded_, lapsed_);
        }
    }
    /// Drops what lapsed and then the oldest until no more than `bytes` are stood for: what was given back is
    /// no idle buffer.
    void shrink(std::size_t bytes) noexcept {
        while (bytes_ > bytes) drop_oldest();
        lapsed_ = std::min(lapsed_, bytes - bytes_);
        unneeded_ = std::min(unneeded_, lapsed_);
    }
    /// Calls lapsed bytes in, as many whole multiples of `unit` as there are; those only that no hit had need
    /// of since this was called last, if `unneeded_only`.
    std::size_t call_in(std::size_t unit, bool unneeded_only) noexcept {
        const std::size_t called = (unneeded_only ? unneeded_ : lapsed_) / unit * unit;
        lapsed_ -= called;
        unneeded_ = lapsed_;
        return called;
    }
    /// Whether a whole unit can be called in.
    bool due(std::size_t unit) const noexcept { return lapsed_ >= unit; }
    std::size_t count() const noexcept { return count_; }

private:
    std::size_t record_bytes() const noexcept {
        const std::size_t page = os::page_bytes();
        return (capacity_ * sizeof(std::size_t) + page - 1) / page * page;
    }
    /// The oldest lapse until `keep` are left.
    void lapse(std::size_t keep) noexcept {
        const std::size_t before = bytes_;
        while (count_ > keep) drop_oldest();
        lapsed_ += before - bytes_;
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
    std::size_t bytes_ = 0;     ///< of all credits held
    std::size_t lapsed_ = 0;    ///< of those that lapsed, and were not called in
    std::size_t unneeded_ = 0;  ///< the least that it was since bytes were called in last
};

}  // namespace numapool::arena
