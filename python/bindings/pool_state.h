// Owns: what a Python pool is made of beyond its Python object: the C++ pool, the returned arrays that wait
// for their last reference to go, and the figures that only Python has. Must not know: how arguments are
// parsed, or how figures become a dict.
//
// The interpreter lock guards all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "numapool/memory_pool.h"

#include "block_owner.h"
#include "numpy_api.h"

namespace numapool_python {

/// What was served by handing a pending array out again, for one node (or set of nodes) and tier: the C++
/// pool saw none of it.
struct ReuseFigures {
    numapool::Placement placement;
    std::array<std::uint64_t, numapool::kTiers> allocations{};
    std::array<std::uint64_t, numapool::kTiers> bytes{};
    std::uint64_t remote = 0;  ///< requested from another node's CPU
};

/// An array's memory as asked for, in the form in which two requests are compared.
struct ArraySpec {
    PyArray_Descr* descr = nullptr;  ///< borrowed from whoever made the spec
    int dimensions = 0;
    std::array<npy_intp, NPY_MAXDIMS>
        shape;  ///< its first `dimensions` extents; the rest is left unset for speed
    bool fortran = false;
    std::size_t bytes = 0;
    std::size_t alignment = 64;
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

    /// Keeps a returned array (or, without one, its owner) until nothing else refers to it. Takes the
    /// reference over.
    void add_pending(PyObject* held);
    /// A pending array in memory of `placement` that nothing refers to and that fits the request, live again;
    /// nullptr if there is none. A new reference.
    PyObject* reuse(const ArraySpec& spec, const numapool::Placement& placement, bool remote, bool zeroed);
    /// Lets go of pending arrays that nothing refers to; their blocks go back to the pool. Looks at all of
    /// them, or at a bounded number.
    void sweep(bool all);

    /// Lets go of all pending arrays: the pool object is gone, and what still refers to them keeps their
    /// blocks.
    void forget_pending();

    /// Whether requests for new memory may have to fault it in and look it up: with several nodes, or strict.
    bool looks_pages_up() const noexcept { return looks_pages_up_; }
    /// What a block counts under.
    std::size_t figures_index(const numapool::Placement& placement);
    const std::vector<ReuseFigures>& figures() const noexcept { return figures_; }
    const std::vector<PyObject*>& pending() const noexcept { return pending_; }
    std::uint64_t reused_requested_bytes() const noexcept { return reused_requested_bytes_; }

private:
    ~PoolState() = default;

    static bool unreferenced(PyObject* held) noexcept;
    static bool fits(PyArrayObject* array, const ArraySpec& spec) noexcept;

    numapool::MemoryPool pool_;
    std::size_t references_ = 1;
    std::vector<PyObject*> pending_;  ///< strong references; the last one returned comes last
    std::size_t next_to_look_at_ = 0;
    std::vector<ReuseFigures> figures_;
    std::uint64_t reused_requested_bytes_ = 0;
    const bool zero_on_return_;
    const bool monitoring_;
    const bool looks_pages_up_;
    const bool reuses_arrays_;
};

}  // namespace numapool_python
