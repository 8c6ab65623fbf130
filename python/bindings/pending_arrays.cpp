// Owns: the lists behind pending_arrays.h.
// Must not know: what a request is beyond the array that it wants; what is counted.
#include "pending_arrays.h"

#include <algorithm>
#include <new>

namespace numapool_python {
namespace {

// How many of the last returned arrays of a bucket a request looks at before it goes to the C++ pool.
constexpr std::size_t kReuseLooks = 8;

/// The owner of a pending array or owner; nullptr for an array that lost its base (ndarray.__setstate__ drops
/// it).
BlockOwner* owner_of(PyObject* held) noexcept {
    PyObject* owner = is_block_owner(held) ? held : PyArray_BASE(reinterpret_cast<PyArrayObject*>(held));
    return owner != nullptr && is_block_owner(owner) ? reinterpret_cast<BlockOwner*>(owner) : nullptr;
}

bool has_weak_references(PyObject* array) noexcept {
    const Py_ssize_t offset = PyArray_Type.tp_weaklistoffset;
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(array) + offset) != nullptr;
}

/// Whether nothing but the pool can reach the block through `held`.
bool unreferenced(PyObject* held) noexcept {
    if (Py_REFCNT(held) != 1) return false;
    if (is_block_owner(held)) return true;
    BlockOwner* owner = owner_of(held);
    return owner == nullptr || Py_REFCNT(reinterpret_cast<PyObject*>(owner)) == 1;
}

bool is_like(PyArrayObject* array, const BlockOwner& owner, const ArraySpec& spec) noexcept {
    if (PyArray_DESCR(array) != spec.descr || PyArray_NDIM(array) != spec.dimensions) return false;
    if (PyArray_DATA(array) != owner.block || owner.bytes != spec.bytes) return false;
    if ((reinterpret_cast<std::uintptr_t>(owner.block) & (spec.alignment - 1)) != 0) return false;
    const int flags = NPY_ARRAY_ALIGNED | (spec.fortran ? NPY_ARRAY_F_CONTIGUOUS : NPY_ARRAY_C_CONTIGUOUS);
    if ((PyArray_FLAGS(array) & flags) != flags) return false;
    // Flags may call odd strides of axes of length one contiguous; a new array has the canonical ones.
    const npy_intp* extents = PyArray_DIMS(array);
    const npy_intp* strides = PyArray_STRIDES(array);
    npy_intp stride = PyDataType_ELSIZE(spec.descr);
    for (int i = 0; i < spec.dimensions; ++i) {
        const int axis = spec.fortran ? i : spec.dimensions - 1 - i;
        const npy_intp extent = spec.shape[static_cast<std::size_t>(axis)];
        if (extents[axis] != extent || strides[axis] != stride) return false;
        stride *= extent;
    }
    return true;
}

}  // namespace

void PendingArrays::add(PyObject* held, std::uint8_t bucket) noexcept {
    try {
        buckets_[bucket].push_back(held);
        ++size_;
    } catch (const std::bad_alloc&) {
        Py_DECREF(held);  // not kept for reuse: its block goes back with the last reference
    }
}

PyObject* PendingArrays::take(const ArraySpec& spec, std::uint32_t figures) noexcept {
    Bucket& bucket = buckets_[spec.bucket];
    const std::size_t last = bucket.size() - std::min(kReuseLooks, bucket.size());
    for (std::size_t i = bucket.size(); i-- > last;) {
        PyObject* held = bucket[i];
        if (Py_REFCNT(held) != 1 || !PyArray_CheckExact(held) || has_weak_references(held)) continue;
        const BlockOwner* owner = owner_of(held);
        if (owner == nullptr || Py_REFCNT(reinterpret_cast<const PyObject*>(owner)) != 1) continue;
        // One that has to be looked up goes back first, and is an ordinary one from then on.
        if (owner->figures != figures || !owner->settled) continue;
        if (!is_like(reinterpret_cast<PyArrayObject*>(held), *owner, spec)) continue;
        bucket.erase(bucket.begin() + static_cast<std::ptrdiff_t>(i));
        --size_;
        return held;
    }
    return nullptr;
}

void PendingArrays::sweep() {
    next_bucket_ = next_place_ = 0;
    sweep(size_);
}

void PendingArrays::sweep(std::size_t looks) {
    // An array is out of its bucket before it is let go: that may run code which calls the pool.
    for (looks = std::min(looks, size_); looks > 0 && size_ > 0;) {
        Bucket& bucket = buckets_[next_bucket_];
        if (next_place_ >= bucket.size()) {
            next_bucket_ = next_bucket_ + 1 < buckets_.size() ? next_bucket_ + 1 : 0;
            next_place_ = 0;
            continue;
        }
        --looks;
        PyObject*& place = bucket[next_place_];
        if (!unreferenced(place)) {
            ++next_place_;
            continue;
        }
        PyObject* held = place;
        place = bucket.back();
        bucket.pop_back();
        --size_;
        Py_DECREF(held);
    }
}

void PendingArrays::forget() {
    for (Bucket& bucket : buckets_) {
        while (!bucket.empty()) {
            PyObject* held = bucket.back();
            bucket.pop_back();
            --size_;
            Py_DECREF(held);
        }
    }
}

}  // namespace numapool_python
