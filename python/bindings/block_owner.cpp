// Owns: the type behind block_owner.h.
// Must not know: when a returned block may be used again.
#include "block_owner.h"

#include "numapool/buffer.h"

#include "interpreter_lock.h"
#include "pool_state.h"

namespace numapool_python {
namespace {

// NumPy keeps chains of bases short; an object that names itself as its base has no end of them.
constexpr int kMostSteps = 10'000;

void owner_dealloc(PyObject* self) {
    auto* owner = reinterpret_cast<BlockOwner*>(self);
    const bool dropped = owner->state.load(std::memory_order_relaxed) == OwnerState::kLive;
    const auto by = dropped ? numapool::ReturnedBy::kDestructor : numapool::ReturnedBy::kCaller;
    // The owner holds the block's only right to be returned: it cannot be refused.
    static_cast<void>(numapool::return_block(owner->block, by));
    owner->pool->drop_reference();
    PyTypeObject* type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

// NumPy asks whether the base is writable before it lets a user set an array writable again.
int owner_get_buffer(PyObject* self, Py_buffer* view, int flags) {
    auto* owner = reinterpret_cast<BlockOwner*>(self);
    const bool read_only = owner->state.load(std::memory_order_relaxed) != OwnerState::kLive;
    return PyBuffer_FillInfo(view, self, owner->block, static_cast<Py_ssize_t>(owner->bytes), read_only,
                             flags);
}

PyObject* owner_repr(PyObject* self) {
    auto* owner = reinterpret_cast<BlockOwner*>(self);
    const bool live = owner->state.load(std::memory_order_relaxed) == OwnerState::kLive;
    return PyUnicode_FromFormat("<numapool block of %zu bytes, %s>", owner->bytes,
                                live ? "live" : "returned");
}

/// The way behind resolve_owner.
void follow_bases(PyObject* at, Resolved& found) {
    PyObject* last_array = nullptr;
    Py_INCREF(at);
    // Each step holds what it looks at: a released memoryview refers to nothing, whatever its record still
    // says.
    for (int steps = 0; at != nullptr && steps < kMostSteps; ++steps) {
        PyObject* next = nullptr;
        if (is_block_owner(at)) {
            found.owner = reinterpret_cast<BlockOwner*>(Py_NewRef(at));
            found.root = last_array != nullptr ? Py_NewRef(last_array) : Py_NewRef(at);
        } else if (PyArray_Check(at)) {
            Py_XSETREF(last_array, Py_NewRef(at));
            next = Py_XNewRef(PyArray_BASE(reinterpret_cast<PyArrayObject*>(at)));
        } else if (PyMemoryView_Check(at)) {
            Py_CLEAR(last_array);  // an array over a memoryview is not the one that was handed out
            next = PyObject_GetAttrString(at, "obj");
        } else {
            Py_CLEAR(last_array);  // numpy.lib.stride_tricks puts an object with both in between
            next = PyObject_GetAttrString(at, "base");
            PyObject* interface =
                next != nullptr ? PyObject_GetAttrString(at, "__array_interface__") : nullptr;
            if (interface == nullptr) Py_CLEAR(next);
            Py_XDECREF(interface);
        }
        Py_SETREF(at, next);
    }
    Py_XDECREF(at);
    if (PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_Exception)) PyErr_Clear();
    Py_XDECREF(last_array);
}

PyType_Slot owner_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(owner_dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(owner_repr)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(owner_get_buffer)},
    {Py_tp_doc,
     const_cast<char*>("Owner of one block of a pool: the base of the array that was handed out.")},
    {0, nullptr},
};

PyType_Spec owner_spec = {"numapool._core.BlockOwner", sizeof(BlockOwner), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, owner_slots};

}  // namespace

PyTypeObject* block_owner_type = nullptr;

bool make_block_owner_type() noexcept {
    block_owner_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&owner_spec));
    return block_owner_type != nullptr;
}

BlockOwner* make_block_owner(PoolState& pool, void* block, const ArraySpec& spec) noexcept {
    auto* owner = PyObject_New(BlockOwner, block_owner_type);
    if (owner == nullptr) {
        static_cast<void>(numapool::return_block(block));
        return nullptr;
    }
    new (&owner->state) std::atomic<OwnerState>(OwnerState::kLive);
    owner->block = block;
    owner->bytes = spec.bytes;
    owner->block_bytes = 0;
    owner->settled = true;
    owner->bucket = spec.bucket;
    owner->tier = 0;
    owner->figures = 0;
    if (block != nullptr) {
        if (const auto info = pool.pool().find_held_block(block)) {
            owner->block_bytes = info->bytes;
            owner->settled = info->settled;
            owner->tier = static_cast<std::uint8_t>(info->tier);
            owner->figures = static_cast<std::uint32_t>(pool.figures_index(info->placement));
        }
    }
    owner->pool = &pool;
    pool.add_reference();
    return owner;
}

Resolved resolve_owner(PyObject* array) noexcept {
    Resolved found;
    try {
        follow_bases(array, found);
    } catch (...) {  // an attribute of a foreign object may be Python code, and the interpreter end meanwhile
        wait_for_process_end();
    }
    return found;
}

}  // namespace numapool_python
