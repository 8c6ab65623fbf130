// Owns: the ways behind buffer_methods.h.
// Must not know: how arguments become requests; when pending arrays are reused.
#include "buffer_methods.h"

#include <cxxabi.h>

#include <exception>

#include "array_request.h"
#include "block_owner.h"
#include "interpreter_lock.h"
#include "python_errors.h"
#include "request_cache.h"

namespace numapool_python {
namespace {

// Where arrays of zero bytes point: aligned like every block, never read or written.
alignas(numapool::kMinAlignment) std::byte nothing[numapool::kMinAlignment];

// From this size on, work on a block's bytes is long enough for other Python threads to run meanwhile.
constexpr std::size_t kUnlockFromBytes = std::size_t{1} << 20;

// How many of the arrays that wait a request for new memory looks at.
constexpr std::size_t kSweepLooks = 64;

/// The array over `owner`, of which it takes the reference.
PyObject* make_array(BlockOwner* owner, const ArraySpec& spec) {
    Py_INCREF(reinterpret_cast<PyObject*>(spec.descr));  // the next call steals one
    void* data = owner->block != nullptr ? owner->block : nothing;
    const int flags = NPY_ARRAY_WRITEABLE | (spec.fortran ? NPY_ARRAY_F_CONTIGUOUS : 0);
    PyObject* array = PyArray_NewFromDescr(&PyArray_Type, spec.descr, spec.dimensions, spec.shape.data(),
                                           nullptr, data, flags, nullptr);
    if (array == nullptr) {
        Py_DECREF(reinterpret_cast<PyObject*>(owner));
        return nullptr;
    }
    if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), reinterpret_cast<PyObject*>(owner)) <
        0) {
        Py_DECREF(array);
        return nullptr;
    }
    return array;
}

void* allocate(PoolState& state, const ArrayRequest& request, bool last_try) {
    const std::size_t bytes = request.spec.bytes;
    const bool looks = request.request.bind || state.looks_pages_up();
    const bool long_work = bytes >= kUnlockFromBytes && (request.request.zeroed || looks);
    PyThreadState* unlocked = long_work ? PyEval_SaveThread() : nullptr;
    void* block = nullptr;
    std::exception_ptr failure;
    if (!last_try) {
        block = state.pool().try_allocate(bytes, request.request);
    } else {
        try {
            block = state.pool().allocate(bytes, request.request);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    if (unlocked != nullptr) take_interpreter_lock(unlocked);
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (...) {
            set_error_from_exception();
        }
    }
    return block;
}

/// A block for the request, whatever it takes; nullptr with a Python error set.
void* find_block(PoolState& state, const ArrayRequest& request) {
    state.pending().sweep(kSweepLooks);
    void* block = allocate(state, request, false);
    if (block != nullptr) return block;
    // Returned arrays that no one refers to any more may be what is missing; the second try tells why, if
    // not.
    state.pending().sweep();
    return allocate(state, request, true);
}

PyObject* make_new_array(PoolState& state, const ArrayRequest& request) {
    void* block = nullptr;
    if (request.spec.bytes != 0) {
        block = find_block(state, request);
        if (block == nullptr) return nullptr;
    } else if (state.pool().closed() || !state.pool().resolve(request.request.placement)) {
        return allocate(state, request, true) != nullptr ? Py_NewRef(Py_None) : nullptr;  // always the latter
    }
    BlockOwner* owner = make_block_owner(state, block, request.spec);
    return owner == nullptr ? nullptr : make_array(owner, request.spec);
}

/// The same as resolve_owner for what is returned nearly always: the very array that was handed out.
BlockOwner* direct_owner(PyObject* array) noexcept {
    if (!PyArray_CheckExact(array)) return nullptr;
    PyObject* base = PyArray_BASE(reinterpret_cast<PyArrayObject*>(array));
    return base != nullptr && is_block_owner(base) ? reinterpret_cast<BlockOwner*>(base) : nullptr;
}

void make_read_only(PyObject* object) noexcept {
    if (PyArray_Check(object))
        PyArray_CLEARFLAGS(reinterpret_cast<PyArrayObject*>(object), NPY_ARRAY_WRITEABLE);
}

/// Turns `owner` from live to returned; false with a Python error set if it may not be returned to this pool.
bool mark_returned(PoolState& state, BlockOwner& owner) {
    if (owner.pool != &state) {
        PyErr_Format(errors.value, "this array belongs to pool \"%s\", not to \"%s\"; return it there",
                     owner.pool->pool().options().name.c_str(), state.pool().options().name.c_str());
        return false;
    }
    // Relaxed: only who wins matters; the bytes are handed on under the interpreter lock.
    if (owner.state.exchange(OwnerState::kReturned, std::memory_order_relaxed) == OwnerState::kReturned) {
        PyErr_SetString(errors.value, "this array was returned before; return each buffer once");
        return false;
    }
    return true;
}

/// `root`: the array that was handed out, or its owner.
PyObject* take_back(PoolState& state, PyObject* root, const BlockOwner& owner) {
    if (owner.block != nullptr) state.add_pending(Py_NewRef(root), owner.bucket);
    if (state.pool().closed()) state.pending().sweep();  // no request will do it
    Py_RETURN_NONE;
}

}  // namespace

PyObject* get_buffer(PoolState& state, PyObject* const* arguments, Py_ssize_t positional, PyObject* names) {
    const ArrayRequest* known = known_requests.find(arguments, positional, names);
    if (known != nullptr) {
        if (PyObject* array = state.reuse(known->spec, known->request)) return array;
    }
    // Read anew all the same: making an array may run Python code, and then another request may take the
    // place of the known one.
    OwnedArrayRequest request;
    try {
        if (!read_array_request(arguments, positional, names, request)) return nullptr;
        if (known == nullptr) {
            known_requests.remember(arguments, positional, names, request);
            if (PyObject* array = state.reuse(request.spec, request.request)) return array;
        }
        return make_new_array(state, request);
    } catch (const abi::__forced_unwind&) {
        wait_for_process_end();
    }
}

PyObject* return_buffer(PoolState& state, PyObject* array) {
    if (BlockOwner* owner = direct_owner(array)) {
        if (!mark_returned(state, *owner)) return nullptr;
        make_read_only(array);
        return take_back(state, array, *owner);
    }
    const Resolved found = resolve_owner(array);
    try {
        if (found.owner == nullptr) {
            if (PyErr_Occurred() != nullptr) return nullptr;
            PyErr_Format(PyArray_Check(array) || PyMemoryView_Check(array) ? errors.value : errors.type,
                         "%s was not handed out by a pool; return what get_buffer gave, or a view of it",
                         PyArray_Check(array) ? "this array" : Py_TYPE(array)->tp_name);
            return nullptr;
        }
        if (!mark_returned(state, *found.owner)) return nullptr;
        make_read_only(array);
        make_read_only(found.root);
        return take_back(state, found.root, *found.owner);
    } catch (const abi::__forced_unwind&) {
        wait_for_process_end();
    }
}

}  // namespace numapool_python
