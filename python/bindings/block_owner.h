// Owns: the Python object that owns one block: the `.base` of the array that was handed out.
// Must not know: when a returned block may be used again; pool_state decides.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "numapool/statistics.h"

#include "array_spec.h"
#include "numpy_api.h"

namespace numapool_python {

class PoolState;

enum class OwnerState : std::uint8_t {
    kLive,      ///< with a user
    kReturned,  ///< given back; what still refers to it keeps its bytes
};

struct BlockOwner {
    PyObject_HEAD std::atomic<OwnerState>
        state;              ///< one exchange decides between two returns, with or without an interpreter lock
    std::uint8_t tier;      ///< numapool::Tier
    bool settled;           ///< as in numapool::BlockInfo
    std::uint8_t bucket;    ///< where the array waits once it is returned
    std::uint32_t figures;  ///< where in PoolState::figures() the block counts
    void* block;            ///< nullptr for an array of zero bytes
    std::size_t bytes;      ///< as asked for
    std::size_t block_bytes;  ///< of the block
    PoolState* pool;          ///< a reference
};

extern PyTypeObject* block_owner_type;

/// Makes the type; false with a Python error set if that fails.
bool make_block_owner_type() noexcept;

/// A live owner of `block`, which it takes over; nullptr with a Python error set, and then the block is
/// returned.
BlockOwner* make_block_owner(PoolState& pool, void* block, const ArraySpec& spec) noexcept;

inline bool is_block_owner(PyObject* object) noexcept { return Py_TYPE(object) == block_owner_type; }

/// What an array-like leads to by its chain of bases. References of its own, so nothing goes while they are
/// in use. Attributes of foreign objects are read on the way: a Python error that is set afterwards is for
/// the caller to pass on (KeyboardInterrupt and the like; what is an Exception only means that there is no
/// owner).
struct Resolved {
    BlockOwner* owner = nullptr;  ///< nullptr for an object that no pool handed out
    PyObject* root =
        nullptr;  ///< the array that was handed out, or the owner if that array is not in the chain

    Resolved() = default;
    Resolved(Resolved&& other) noexcept
        : owner(std::exchange(other.owner, nullptr)), root(std::exchange(other.root, nullptr)) {}
    Resolved& operator=(Resolved&&) = delete;
    ~Resolved() {
        Py_XDECREF(reinterpret_cast<PyObject*>(owner));
        Py_XDECREF(root);
    }
};
Resolved resolve_owner(PyObject* array) noexcept;

}  // namespace numapool_python
