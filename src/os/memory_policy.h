// Owns: which node pages shall lie on, and on which they do.
// Must not know: arenas, topology.
//
// All functions are noexcept and thread-safe. A returned int is an errno, 0 for success.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "os/system_calls.h"

namespace numapool::os {

/// A set of node ids, as wide as any kernel's.
class NodeMask {
public:
    static constexpr int kMaxNodes = 1024;

    void add(int node) noexcept {
        words_[static_cast<std::size_t>(node) / kWordBits] |= 1UL
                                                              << (static_cast<std::size_t>(node) % kWordBits);
    }
    bool has(int node) const noexcept {
        return node >= 0 && node < kMaxNodes &&
               (words_[static_cast<std::size_t>(node) / kWordBits] >>
                    (static_cast<std::size_t>(node) % kWordBits) &
                1);
    }
    std::size_t count() const noexcept {
        std::size_t nodes = 0;
        for (const unsigned long word : words_) nodes += static_cast<std::size_t>(std::popcount(word));
        return nodes;
    }
    /// Ascending.
    std::vector<int> list() const {
        std::vector<int> nodes;
        for (int node = 0; node < kMaxNodes; ++node) {
            if (has(node)) nodes.push_back(node);
        }
        return nodes;
    }
    bool within(const NodeMask& other) const noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if ((words_[i] & ~other.words_[i]) != 0) return false;
        }
        return true;
    }
    bool empty() const noexcept { return *this == NodeMask(); }
    const unsigned long* words() const noexcept { return words_.data(); }
    unsigned long* words() noexcept { return words_.data(); }
    friend bool operator==(const NodeMask&, const NodeMask&) = default;

private:
    static constexpr std::size_t kWordBits = 8 * sizeof(unsigned long);
    std::array<unsigned long, kMaxNodes / kWordBits> words_{};
};

/// What to do with pages of a range that are there already when its policy is set.
enum class Present {
    kStay,
    kMove,  ///< those that lie elsewhere are moved, as far as the nodes have room
};

/// Pages of the range touched from now on come from `node`, or from others when it is full or forbidden. The
/// node is meant by its number, whatever a cpuset allows later.
int prefer_node(std::uintptr_t address, std::size_t bytes, int node,
                Present present = Present::kStay) noexcept;

/// Pages of the range touched from now on are dealt over `nodes` in turn.
int interleave_nodes(std::uintptr_t address, std::size_t bytes, const NodeMask& nodes,
                     Present present = Present::kStay) noexcept;

/// Writes for each page its node, or -ENOENT (no page there), or -EFAULT (not mapped); `nodes` is as long as
/// `pages`, which are multiples of the page size. Asks move_pages; where that is refused, get_mempolicy for
/// the pages that this process has in its page table (mincore, pagemap), since it would fault in others. By
/// that second way a page that was only ever read may be told to lie where the kernel keeps its page of
/// zeros.
int locate_pages(std::span<void*> pages, std::span<int> nodes) noexcept;

/// Where memory comes from that no policy of its own covers, for one thread.
struct ThreadPolicy {
    int mode = 0;  ///< MPOL_DEFAULT (0), MPOL_PREFERRED, ...; the kernel's mode flags included
    NodeMask nodes;

    bool is_default() const noexcept { return mode == 0; }
    /// Memory comes from `nodes` or not at all, as `numactl --membind` has it.
    bool confines() const noexcept;
    /// As numactl calls it, for instance "membind"; "unknown" for one of a later kernel.
    const char* name() const noexcept;
};
/// Reads or sets that of the calling thread.
int get_thread_policy(ThreadPolicy& policy) noexcept;
int set_thread_policy(const ThreadPolicy& policy) noexcept;
/// The calling thread's memory comes from `node`, or from others when it is full.
int prefer_node_for_thread(int node) noexcept;

/// The nodes that the cpuset of this process allows memory to be taken from, as of now.
int get_allowed_nodes(NodeMask& nodes) noexcept;

/// The NUMA node of the CPU that the caller runs on, read anew from where the kernel publishes it; -1 where
/// it does not.
inline int published_node() noexcept {
    // Relaxed: written before the threads that read it start.
    const std::ptrdiff_t offset = rseq_node_offset.load(std::memory_order_relaxed);
    if (offset == 0) [[unlikely]]
        return -1;
    const char* thread = static_cast<const char*>(__builtin_thread_pointer());
    return static_cast<int>(*reinterpret_cast<const volatile std::uint32_t*>(thread + offset));
}

/// The same by whatever it takes.
inline int current_node() noexcept {
    const int node = published_node();
    return node >= 0 ? node : system_calls().node_of_cpu();
}

}  // namespace numapool::os
