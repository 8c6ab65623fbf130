// Owns: pending arrays and their reuse.
// Must not know: how arguments are parsed.
#include "pool_state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace numapool_python {
namespace {

// How many of the last returned arrays a request looks at before it goes to the C++ pool, and how many a
// bounded sweep looks at: enough for a step's working set, few enough never to be felt.
constexpr std::size_t kReuseLooks = 8;
constexpr std::size_t kSweepLooks = 64;
constexpr std::size_t kSweepFrom = 32;

/// The owner of a pending array or owner; nullptr for an array that lost its base (ndarray.__setstate__ drops
/// it).
BlockOwner* owner_of(PyObject* held) noexcept {
    PyObject* owner = is_block_owner(held) ? held : PyArray_BASE(reinterpret_cast<PyArrayObject*>(held));
    return owner != nullptr && is_block_owner(owner) ? reinterpret_cast<BlockOwner*>(owner) : nullptr;
}

bool has_weak_references(PyObject* object) noexcept {
    const Py_ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
    if (offset <= 0) return false;
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset) != nullptr;
}

}  // namespace

PoolState::PoolState(const numapool::PoolOptions& options)
    : pool_(options),
      zero_on_return_(pool_.options().zero_on_return),
      monitoring_(pool_.options().enable_monitoring),
      looks_pages_up_(
          pool_.options().numa_aware && pool_.options().bind != numapool::BindMode::kNone &&
          (pool_.options().bind == numapool::BindMode::kStrict || pool_.get_statistics().nodes.size() > 1)),
      reuses_arrays_(!pool_.get_statistics().disabled &&
                     !(pool_.options().numa_aware && pool_.options().bind == numapool::BindMode::kStrict)) {}

std::size_t PoolState::figures_index(const numapool::Placement& placement) {
    std::size_t index = 0;
    while (index < figures_.size() && !(figures_[index].placement == placement)) ++index;
    if (index == figures_.size()) figures_.push_back({placement, {}, {}});
    return index;
}

void PoolState::add_pending(PyObject* held) {
    if (pending_.size() >= kSweepFrom) sweep(false);
    pending_.push_back(held);
}

bool PoolState::unreferenced(PyObject* held) noexcept {
    if (Py_REFCNT(held) != 1) return false;
    if (is_block_owner(held)) return true;
    BlockOwner* owner = owner_of(held);
    return owner == nullptr || Py_REFCNT(reinterpret_cast<PyObject*>(owner)) == 1;
}

bool PoolState::fits(PyArrayObject* array, const ArraySpec& spec) noexcept {
    if (PyArray_DESCR(array) != spec.descr || PyArray_NDIM(array) != spec.dimensions) return false;
    const BlockOwner* owner = owner_of(reinterpret_cast<PyObject*>(array));
    if (owner == nullptr) return false;
    if (PyArray_DATA(array) != owner->block || owner->bytes != spec.bytes) return false;
    if (reinterpret_cast<std::uintptr_t>(owner->block) % spec.alignment != 0) return false;
    const int contiguous = spec.fortran ? NPY_ARRAY_F_CONTIGUOUS : NPY_ARRAY_C_CONTIGUOUS;
    if ((PyArray_FLAGS(array) & (contiguous | NPY_ARRAY_ALIGNED)) != (contiguous | NPY_ARRAY_ALIGNED))
        return false;
    const auto count = static_cast<std::size_t>(spec.dimensions);
    if (!std::equal(PyArray_DIMS(array), PyArray_DIMS(array) + count, spec.shape.begin())) return false;
    // Flags may call odd strides of axes of length one contiguous; a new array has the canonical ones.
    npy_intp stride = PyArray_ITEMSIZE(array);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t axis = spec.fortran ? i : count - 1 - i;
        if (PyArray_STRIDES(array)[axis] != stride) return false;
        stride *= spec.shape[axis];
    }
    return true;
}

PyObject* PoolState::reuse(const ArraySpec& spec, const numapool::Placement& placement, bool remote,
                           bool zeroed) {
    if (!reuses_arrays_ || pool_.closed() || !pool_.all_nodes_allowed()) return nullptr;
    const std::size_t looks = std::min(kReuseLooks, pending_.size());
    for (std::size_t i = pending_.size(); i-- > pending_.size() - looks;) {
        PyObject* held = pending_[i];
        if (!PyArray_CheckExact(held) || !unreferenced(held) || has_weak_references(held)) continue;
        auto* array = reinterpret_cast<PyArrayObject*>(held);
        if (!fits(array, spec)) continue;
        BlockOwner* owner = owner_of(held);
        // One that has to be looked up goes back first, and is an ordinary one from then on.
        if (!(figures_[owner->figures].placement == placement) || !owner->settled) continue;
        pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
        if (zeroed || zero_on_return_) std::memset(owner->block, 0, owner->bytes);
        owner->state.store(OwnerState::kLive, std::memory_order_relaxed);
        PyArray_ENABLEFLAGS(array, NPY_ARRAY_WRITEABLE);
        ReuseFigures& figures = figures_[owner->figures];
        ++figures.allocations[owner->tier];
        figures.remote += remote;
        figures.bytes[owner->tier] += owner->block_bytes;
        if (monitoring_) reused_requested_bytes_ += spec.bytes;
        return held;
    }
    return nullptr;
}

void PoolState::forget_pending() {
    while (!pending_.empty()) {
        PyObject* held = pending_.back();
        pending_.pop_back();
        Py_DECREF(held);
    }
}

void PoolState::sweep(bool all) {
    // What goes is taken out of the list first: letting go of an array may run weak references' callbacks,
    // and those may call the pool.
    std::vector<PyObject*> leaving;
    const std::size_t looks = all ? pending_.size() : std::min(kSweepLooks, pending_.size());
    const std::size_t begin = all || next_to_look_at_ >= pending_.size() ? 0 : next_to_look_at_;
    const std::size_t end = std::min(begin + looks, pending_.size());
    std::size_t kept = begin;
    for (std::size_t i = begin; i < end; ++i) {
        if (unreferenced(pending_[i])) {
            leaving.push_back(pending_[i]);
        } else {
            pending_[kept++] = pending_[i];
        }
    }
    next_to_look_at_ = kept;
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(kept),
                   pending_.begin() + static_cast<std::ptrdiff_t>(end));
    for (PyObject* held : leaving) Py_DECREF(held);
}

}  // namespace numapool_python
