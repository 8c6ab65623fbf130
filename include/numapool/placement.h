// Owns: where a caller wants a buffer's pages: on the current node, on a named one, or interleaved over
// several. Must not know: how pages get there.
#pragma once

#include <span>
#include <vector>

#include "numapool/export.h"

namespace numapool {

/// How hard a pool tries to put pages on the node that was asked for.
enum class BindMode {
    kNone,  ///< no policy: the kernel's first touch decides; buffers are still kept apart by node
    /// The node is preferred. Pages are looked up once in their life; those that lie elsewhere (a full node)
    /// are moved there if it has room by then, else the buffer counts as a fallback and the first one is
    /// told.
    kAdvisory,
    /// Every page is populated and looked up before the buffer is handed out, reused ones too. A page that is
    /// not, or cannot be shown to be, on its node (for interleaved memory: on one of its nodes, or on the one
    /// that its weights give it) is an error.
    kStrict,
};

/// The node of the CPU that the calling thread runs on at this moment. Any thread; about a nanosecond where
/// the kernel publishes it to user space (Linux 6.3 and newer, with glibc 2.35 and newer), else a getcpu().
NUMAPOOL_API int current_node() noexcept;

/// Where the pages of a buffer should lie. A small value: copy it freely.
///
/// Thread safety: values are immutable; all functions may be called from any thread.
class NUMAPOOL_API Placement {
public:
    enum class Kind { kCurrentNode, kNode, kInterleave };

    /// The node of the CPU that the calling thread runs on when it asks, read anew for each request.
    constexpr Placement() noexcept = default;
    /// The same, by name.
    static constexpr Placement current_node() noexcept { return {}; }

    /// Node `node`, numbered as the system numbers it. Whether it exists is checked by the request, not here.
    static constexpr Placement on_node(int node) noexcept { return {Kind::kNode, node}; }

    /// Pages dealt in turn over `nodes`, page by page (2 MiB where huge pages are used); order and repeats do
    /// not matter, and a set of one is on_node.
    ///
    /// With `weights`, as many as nodes, each 1 to 255 and no node twice, memory is dealt in steps of 2 MiB
    /// of the pool's address space: in each round every node, in ascending order, gets as many steps as it
    /// weighs. A buffer that is small against a round lies on few nodes. Equal weights are none.
    ///
    /// Each distinct set, weights included, is remembered for the life of the process, 64 at most. Throws
    /// ArgumentError (kInvalidNode) if `nodes` is empty, holds a number outside 0..1023, or is a 65th set;
    /// (kInvalidOption) if the weights are not as above or, divided by what they have in common, add up to
    /// more than 256.
    static Placement interleave(std::span<const int> nodes, std::span<const int> weights = {});

    constexpr Kind kind() const noexcept { return kind_; }
    /// The node asked for; -1 unless kNode.
    constexpr int node() const noexcept { return kind_ == Kind::kNode ? value_ : -1; }
    /// The nodes asked for, ascending; one for kNode, none for kCurrentNode.
    std::vector<int> nodes() const;
    /// The weights of nodes(), divided by what they have in common; empty if all weigh the same.
    std::vector<int> weights() const;
    /// Which of the process's interleave sets this is, 0 to 63; -1 unless kInterleave.
    constexpr int interleave_set() const noexcept { return kind_ == Kind::kInterleave ? value_ : -1; }

    friend constexpr bool operator==(const Placement&, const Placement&) = default;

private:
    constexpr Placement(Kind kind, int value) noexcept : kind_(kind), value_(value) {}

    Kind kind_ = Kind::kCurrentNode;
    int value_ = -1;
};

}  // namespace numapool
