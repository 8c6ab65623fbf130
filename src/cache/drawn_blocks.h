// Owns: how many blocks of one size class a thread has out of slabs, and with that what it has live.
// Must not know: where the blocks come from and go.
#pragma once

#include <cstdint>

#include "base/counter.h"
#include "base/sync.h"
#include "cache/magazine.h"

namespace numapool::cache {

/// Blocks that came from slabs or a depot, and those that went back. Returning one the short way counts
/// nothing, because these and the magazine's size tell what is live. One thread writes, any may read.
template <class Sync>
class BasicDrawnBlocks {
public:
    /// Before they lie in the magazine or have a holder.
    void draw(std::uint64_t blocks) noexcept { came_.add(blocks); }
    /// After they have left the magazine: nothing live may seem to have gone.
    void put_back(std::uint64_t blocks) noexcept { went_.conclude(blocks); }
    /// Between the two a block that comes back counts as live: nobody ends the pool before the thread is
    /// done.
    void hold_return() noexcept { draw(1); }
    void conclude_return() noexcept { put_back(1); }

    /// Blocks that the thread handed out less those that came back to it: negative where other threads'
    /// blocks do. Never less than there are, though blocks on their way may count too. Any thread.
    std::int64_t live(const BasicMagazine<Sync>& magazine) const noexcept {
        // The three belong together only if nothing was drawn or put back between. Their difference alone
        // would not tell: as many may have been drawn as put back. Acquire pairs with put_back and, for the
        // size, with BasicMagazine::push.
        for (;;) {
            const std::uint64_t went = went_.get_all();
            const std::uint64_t came = came_.get_all();
            const std::uint64_t size = magazine.size();
            if (came_.get_all() == came && went_.get_all() == went)
                return static_cast<std::int64_t>(came - went - size);
        }
    }

private:
    base::BasicCounter<Sync> came_;
    base::BasicCounter<Sync> went_;
};

using DrawnBlocks = BasicDrawnBlocks<base::RealSync>;

}  // namespace numapool::cache
