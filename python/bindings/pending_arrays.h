// Owns: the returned arrays that wait until nothing refers to them, and which of them may be handed out
// again. Must not know: what a request is beyond the array that it wants; what is counted.
//
// An array that its holder changed in place (NumPy allows that) waits like any other, but is never handed out
// again. The interpreter lock guards all of it. Letting go of an array may run any Python code, calls to the
// same pool included.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "array_spec.h"
#include "block_owner.h"
#include "numpy_api.h"

namespace numapool_python {

class PendingArrays {
public:
    /// Keeps a returned array, or without one its owner, in `bucket`. Takes the reference over.
    void add(PyObject* held, std::uint8_t bucket) noexcept;

    /// Takes out an array that nothing refers to, that is as `spec` wants it and whose block counts under
    /// `figures`; nullptr if there is none among the last returned ones of its bucket. A new reference. Runs
    /// no Python code.
    PyObject* take(const ArraySpec& spec, std::uint32_t figures) noexcept;

    /// Lets go of those that nothing refers to. Looks at all of them, or at `looks`, from where the last such
    /// look ended.
    void sweep();
    void sweep(std::size_t looks);
    /// Lets go of all: what still refers to them keeps their blocks.
    void forget();

    std::size_t size() const noexcept { return size_; }
    template <class Visit>
    void for_each(Visit visit) const {
        for (const Bucket& bucket : buckets_) {
            for (PyObject* held : bucket) visit(held);
        }
    }

private:
    using Bucket = std::vector<PyObject*>;  // strong references; the last one returned comes last

    std::array<Bucket, std::size_t{1} << ArraySpec::kBucketBits> buckets_;
    std::size_t size_ = 0;
    std::size_t next_bucket_ = 0;  ///< where the next sweep goes on
    std::size_t next_place_ = 0;
};

}  // namespace numapool_python
