// Owns: allocation with one fixed alignment, from a pool.
// Must not know: anything of the pool beyond its public face.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "numapool/memory_pool.h"

namespace numapool {

/// Hands out buffers of `pool` that are all aligned to `alignment` bytes. The pool must outlive the
/// allocator.
///
/// Thread safety: as MemoryPool's.
class AlignedAllocator {
public:
    /// Throws ArgumentError (kInvalidAlignment) unless `alignment` is a power of two up to kMaxAlignment.
    AlignedAllocator(std::size_t alignment, MemoryPool& pool) : alignment_(alignment), pool_(&pool) {
        if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > kMaxAlignment) {
            throw ArgumentError(ErrorCode::kInvalidAlignment,
                                "alignment " + std::to_string(alignment) + "; a power of two up to " +
                                    std::to_string(kMaxAlignment) + " is needed");
        }
    }

    std::size_t alignment() const noexcept { return alignment_; }

    /// An array of T, C order, its first element at a multiple of alignment(). Throws as
    /// MemoryPool::allocate.
    template <class T>
    [[nodiscard]] Array<T> allocate_aligned(const Shape& shape, Request request = {}) {
        request.alignment = alignment_;
        return pool_->get_array<T>(shape, request);
    }
    /// Returns the array's block to the pool now. Throws as MemoryPool::return_array.
    template <class T>
    void deallocate_aligned(Array<T>&& array) {
        pool_->return_array(std::move(array));
    }

private:
    std::size_t alignment_;
    MemoryPool* pool_;
};

}  // namespace numapool
