// Owns: where an arena's pages shall lie: telling the kernel so, and looking up whether they do.
// Must not know: blocks, threads, who asks.
//
// All functions are noexcept and thread-safe; addresses and sizes are multiples of the page size. A returned
// int is an errno, 0 for success.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/size_classes.h"
#include "os/memory_policy.h"

namespace numapool::arena {

/// Where the pages of a range shall lie, by their offset in it. A small value.
class PageHome {
public:
    /// Anywhere.
    constexpr PageHome() noexcept = default;
    static PageHome on_node(int node) noexcept;
    /// Dealt over `nodes` page by page.
    static PageHome dealt(const os::NodeMask& nodes) noexcept;
    /// Granule g of a range on node `round[g % round.size()]`, one of `nodes`; `round` outlives every copy.
    static PageHome dealt(const os::NodeMask& nodes, std::span<const std::int16_t> round) noexcept;

    bool anywhere() const noexcept { return nodes_.empty(); }
    /// Whether all granules have the same home, so that a page lies right in any if it does in one.
    bool alike() const noexcept { return anywhere() || node_ >= 0; }
    /// Whether all of its nodes are among `allowed`.
    bool within(const os::NodeMask& allowed) const noexcept { return nodes_.within(allowed); }
    /// Whether each granule has one node of several: the kernel then has to be told granule by granule.
    bool by_granule() const noexcept { return !round_.empty(); }
    /// Whether a page at this offset lies right on `node`; a negative one is no node.
    bool has(int node, std::size_t offset) const noexcept {
        if (anywhere()) return node >= 0;
        return by_granule() ? node == node_at(offset) : nodes_.has(node);
    }
    /// A node that is right for all of the granule at this offset; -1 if pages may lie anywhere.
    int node_at(std::size_t offset) const noexcept;
    /// Calls visit(address, bytes, node) for the parts of [address, address + bytes) that one node is right
    /// for, in order; the range starts at `base`.
    template <class Visit>
    void for_each_run(std::uintptr_t base, std::uintptr_t address, std::size_t bytes, Visit visit) const {
        for (std::uintptr_t at = address, end = address + bytes; at < end;) {
            const int node = node_at(at - base);
            std::uintptr_t next = at;
            while (next < end && node_at(next - base) == node) {
                const std::size_t granule = (next - base) / base::kGranuleBytes;
                next = node_ >= 0 ? end : std::min(end, base + (granule + 1) * base::kGranuleBytes);
            }
            visit(at, next - at, node);
            at = next;
        }
    }

    /// Tells the kernel about [address, address + bytes) of the range at `base`.
    int ask(std::uintptr_t base, std::uintptr_t address, std::size_t bytes,
            os::Present present) const noexcept;

private:
    os::NodeMask nodes_;
    std::span<const std::int16_t> round_;  ///< by_granule
    int node_ = -1;                        ///< the only one
};

/// What a look at some pages found.
struct PageCheck {
    std::uint64_t home = 0;       ///< lie where they shall
    std::uint64_t elsewhere = 0;  ///< lie on another node
    std::uint64_t absent = 0;     ///< have no memory behind them yet
    std::uint64_t unknown = 0;    ///< the system would not tell
    int error = 0;                ///< why it would not

    std::uint64_t present() const noexcept { return home + elsewhere + unknown; }
};

/// Looks every page of [address, address + bytes) of the range at `base` up. If `found` is given, adds to
/// found[node] the pages that lie there.
PageCheck check_pages(const PageHome& home, std::uintptr_t base, std::uintptr_t address, std::size_t bytes,
                      std::span<std::uint64_t> found = {}) noexcept;

}  // namespace numapool::arena
