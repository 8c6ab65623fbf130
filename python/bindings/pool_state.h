// Owns: what a Python pool is made of beyond its Python object: the C++ pool, the returned arrays that wait,
// and the figures that only Python has. Must not know: how arguments are parsed, which array fits a request,
// or how figures become a dict.
//
// The interpreter lock guards all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "numapool/memory_pool.h"

#include "array_spec.h"
#include "block_owner.h"
#include "numpy_api.h"
#include "pending_arrays.h"

namespace numapool_python {

/// What was served by handing a pending array out again, for one node (or set of nodes) and tier: the C++
/// pool saw none of it.
struct ReuseFigures {
    numapool::Placement placement;
    std::array<std::uint64_t, numapool::kTiers> allocations{};
    std::array<std::uint64_t, numapool::kTiers> bytes{};
    std::uint64_t remote = 0;  ///< requested from another node's CPU
};

/// Shared by the pool object and every block that is out: the last one to go ends it.
class PoolState {
public:
    /// Throws as numapool::MemoryPool's constructor.
    explicit PoolState(const numapool::PoolOptions& options);

    void add_reference() noexcept { ++references_; }
    void drop_reference() noexcept {
        if (--references_ == 0) delete this;
    }

    numapool::MemoryPool& pool() noexcept { return pool_; }

    /// Keeps a returned array (or, without one, its owner) until nothing else refers to it, in its block's
    /// bucket. Takes the reference over.
    void add_pending(PyObject* held, std::uint8_t bucket);
    /// A pending array that nothing refers to and that serves the request, live again; nullptr if there is
    /// none. A new reference. Runs no Python code.
    PyObject* reuse(const ArraySpec& spec, const numapool::Request& request) noexcept;
    /// The returned arrays that wait.
    PendingArrays& pending() noexcept { return pending_; }

    /// Whether requests for new memory may have to fault it in and look it up: with several nodes, or strict.
    bool looks_pages_up() const noexcept { return looks_pages_up_; }
    /// What a block counts under.
    std::size_t figures_index(const numapool::Placement& placement);
    const std::vector<ReuseFigures>& figures() const noexcept { return figures_; }
    std::uint64_t reused_requested_bytes() const noexcept { return reused_requested_bytes_; }

private:
    ~PoolState() = default;

    std::size_t find_figures(const numapool::Placement& placement) const noexcept;
    std::optional<numapool::Placement> resolve(const numapool::Placement& asked) const noexcept;

    numapool::MemoryPool pool_;
    std::size_t references_ = 1;
    PendingArrays pending_;
    std::vector<ReuseFigures> figures_;
    std::uint64_t reused_requested_bytes_ = 0;
    const bool zero_on_return_;
    const bool monitoring_;
    /// Where the current node's memory comes from, if it is the same for all CPUs.
    const std::optional<numapool::Placement> only_home_;
    const bool looks_pages_up_;
    const bool reuses_arrays_;
};

}  // namespace numapool_python
