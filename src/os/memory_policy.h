// Owns: which node pages shall lie on, and on which they do.
// Must not know: arenas, topology.
//
// All functions are noexcept and thread-safe. A returned int is an errno, 0 for success.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

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
    const unsigned long* words() const noexcept { return words_.data(); }
    friend bool operator==(const NodeMask&, const NodeMask&) = default;

private:
    static constexpr std::size_t kWordBits = 8 * sizeof(unsigned long);
    std::array<unsigned long, kMaxNodes / kWordBits> words_{};
};

/// Pages of the range touched from now on come from `node`, or from others when it is full.
int prefer_node(std::uintptr_t address, std::size_t bytes, int node) noexcept;

/// Pages of the range touched from now on are dealt over `nodes` in turn.
int interleave_nodes(std::uintptr_t address, std::size_t bytes, const NodeMask& nodes) noexcept;

/// Writes for each page its node, or -ENOENT (no page there), or -EFAULT (not mapped); `nodes` is as long as
/// `pages`.
int locate_pages(std::span<void*> pages, std::span<int> nodes) noexcept;

/// The NUMA node of the CPU that the caller runs on, read anew.
int current_node() noexcept;

}  // namespace numapool::os
