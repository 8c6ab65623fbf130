// Owns: one block of a pool, held by one owner (RAII).
// Must not know: how blocks are found; what they hold.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "numapool/errors.h"
#include "numapool/export.h"

namespace numapool {

/// Who gives a block back.
enum class ReturnedBy { kCaller, kDestructor };

/// Gives a block back to the pool that it came from, found by its address, whether or not that pool is
/// closed. Returns kOk (also for null), kForeignPointer, kInteriorPointer or kAlreadyReturned; anything but
/// kOk changes nothing. A second return is told from a first while the block is idle; once its memory was
/// merged into a larger block, or its pool is gone, the code may be kForeignPointer or kInteriorPointer; once
/// it was handed out again the second return cannot be told from a valid one, as with any allocator. Thread
/// safety: any thread may return any block, but two must not return the same one at the same time.
[[nodiscard]] NUMAPOOL_API ErrorCode return_block(void* block, ReturnedBy by = ReturnedBy::kCaller) noexcept;

/// A block of memory from a MemoryPool, returned to it on destruction. Move-only.
///
/// A Buffer may outlive its pool: the memory stays until the last one is gone.
/// Thread safety: distinct Buffers may be used from any thread; one Buffer by one thread at a time.
class Buffer {
public:
    Buffer() noexcept = default;
    /// Takes over `block`, which must come from a pool's allocate(bytes) and not have gone back, or be null.
    Buffer(void* block, std::size_t bytes) noexcept : data_(block), bytes_(bytes) {}
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer(std::move(other)).swap(*this);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() {
        if (data_ != nullptr) static_cast<void>(return_block(data_, ReturnedBy::kDestructor));
    }

    /// The first byte, aligned as requested; null for an empty Buffer.
    void* data() const noexcept { return data_; }
    /// Bytes, as asked for.
    std::size_t size() const noexcept { return bytes_; }
    bool empty() const noexcept { return bytes_ == 0; }
    explicit operator bool() const noexcept { return data_ != nullptr; }
    std::span<std::byte> bytes() const noexcept { return {static_cast<std::byte*>(data_), bytes_}; }

    /// Gives up ownership without returning the block; it must then go back by return_block or deallocate.
    [[nodiscard]] void* release() noexcept {
        bytes_ = 0;
        return std::exchange(data_, nullptr);
    }
    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
    }

private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace numapool
