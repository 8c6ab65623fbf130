// Owns: how many blocks of one size class a thread has out of slabs, and with that what it has live.
// Must not know: where the blocks come from and go.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "base/sync.h"
#include "cache/magazine.h"

namespace numapool::cache {

/// Blocks that came from slabs or a depot less those that went back. Returning one the short way counts
/// nothing, because this and the magazine's size tell what is live. One thread writes, any may read; a reader
/// may count too much as live, never too little while nothing new is taken: a released pool goes by it.
template <class Sync>
class BasicDrawnBlocks {
public:
    /// Before they lie in the magazine or have a holder.
    void draw(std::uint64_t blocks) noexcept { count_.add(blocks); }
    /// After they have left the magazine: nothing live may seem to have gone.
    void put_back(std::uint64_t blocks) noexcept { count_.conclude(std::uint64_t{0} - blocks); }
    /// Between the two a block that comes back counts as live: nobody ends the pool before the thread is
    /// done.
    void hold_return() noexcept { draw(1); }
    void conclude_return() noexcept { put_back(1); }

    /// Blocks that the thread handed out less those that came back to it: negative where other threads'
    /// blocks do. Any thread.
    std::int64_t live(const BasicMagazine<Sync>& magazine) const noexcept {
        // The two belong together only if nothing was drawn or put back between: then what is held is seen,
        // and what seems to have gone has. Acquire pairs with put_back and, for the size, with
        // BasicMagazine::push.
        std::uint64_t drawn = count_.get_all();
        for (;;) {
            const std::uint64_t size = magazine.size();
            const std::uint64_t again = count_.get_all();
            if (again == drawn) return static_cast<std::int64_t>(drawn - size);
            drawn = again;
        }
    }

private:
    base::BasicCounter<Sync> count_;
};

using DrawnBlocks = BasicDrawnBlocks<base::RealSync>;

}  // namespace numapool::cache
