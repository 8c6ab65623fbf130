// Owns: the first part of `numapool prove`: where pages were asked for, and where they were found.
// Must not know: how that is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "numapool/options.h"
#include "numapool/page_map.h"
#include "numapool/statistics.h"

#include "deadline.h"
#include "prove_machine.h"

namespace numapool_cli {

/// Buffers of one size, asked for in one way by a thread that was bound to one node.
struct AskedPages {
    std::string ask;           ///< "node 1", "current node", "interleaved", "weighted 2:1"
    std::vector<int> right;    ///< nodes of which each page should lie on one
    std::vector<int> weights;  ///< of `right`; empty if all weigh the same
    numapool::BindMode bind = numapool::BindMode::kAdvisory;
    int thread_node = 0;
    std::size_t buffer_bytes = 0;
    std::uint64_t buffers = 0;     ///< handed out, over all rounds
    std::uint64_t refused = 0;     ///< buffers that the pool would not hand out
    std::string refusal;           ///< what it said
    numapool::PageMap found;       ///< of each round added up
    std::uint64_t by_mapping = 0;  ///< pages of rounds in which not every page was told of by itself
    bool reported = false;         ///< whether the pool's statistics tell of pages that lie elsewhere

    std::uint64_t pages_right() const;
    std::uint64_t pages_elsewhere() const;
    /// The pool promised the node, handed the buffer out, and did not tell that pages lie elsewhere.
    bool broken() const;
};

struct PagesResult {
    bool disabled = false;  ///< NUMAPOOL_DISABLE: there was no pool to look at
    numapool::BindMode pool_bind = numapool::BindMode::kAdvisory;  ///< without a request's own
    std::vector<AskedPages> cases;
    std::size_t left_out = 0;                         ///< pairs of nodes for which there was no time
    std::vector<std::string> notes;                   ///< what could not be done, and what bindings respected
    std::vector<numapool::PlacementCheck> own_check;  ///< the pool's look at its own pages, at the end
    std::uint64_t fallback_allocations = 0;           ///< as the pool counted them

    std::uint64_t pages() const;
    std::uint64_t right() const;
    std::uint64_t elsewhere() const;
    std::uint64_t unverified() const;  ///< absent and unknown
    std::uint64_t by_mapping() const;  ///< known from what the kernel counts for whole mappings
    std::uint64_t broken() const;      ///< pages found elsewhere of cases that are broken()
};

/// Takes at most an eighth of a node's free memory at a time. Never throws for what the system or the pool
/// refuses: that is part of the result.
PagesResult prove_pages(const ProveMachine& machine, const Deadline& deadline, bool quick);

}  // namespace numapool_cli
