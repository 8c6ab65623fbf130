// Owns: a typed, C-ordered, n-dimensional view that owns its Buffer.
// Must not know: pools beyond Buffer; arithmetic.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "numapool/buffer.h"
#include "numapool/errors.h"

namespace numapool {

/// The extents of an array, up to kMaxDimensions of them. Shape{} is a scalar of one element.
class Shape {
public:
    static constexpr std::size_t kMaxDimensions = 8;  ///< extents are of type std::size_t: cast signed ones

    Shape() noexcept = default;
    /// Throws ArgumentError (kInvalidSize) for more than kMaxDimensions extents.
    Shape(std::initializer_list<std::size_t> extents)
        : Shape(std::span<const std::size_t>(extents.begin(), extents.size())) {}
    explicit Shape(std::span<const std::size_t> extents) : dimensions_(extents.size()) {
        if (extents.size() > kMaxDimensions) {
            throw ArgumentError(ErrorCode::kInvalidSize,
                                "a shape of " + std::to_string(extents.size()) + " dimensions; at most " +
                                    std::to_string(kMaxDimensions) + " are possible");
        }
        for (std::size_t i = 0; i < extents.size(); ++i) extents_[i] = extents[i];
    }

    std::size_t dimensions() const noexcept { return dimensions_; }
    std::size_t operator[](std::size_t axis) const noexcept { return extents_[axis]; }
    std::span<const std::size_t> extents() const noexcept { return {extents_.data(), dimensions_}; }
    friend bool operator==(const Shape&, const Shape&) = default;  // unused extents are always 0

    /// The product of the extents times `item_bytes`. Throws ArgumentError (kInvalidSize) if it overflows.
    std::size_t bytes(std::size_t item_bytes) const {
        std::size_t total = item_bytes;
        bool overflow = false;
        for (std::size_t extent : extents()) {
            if (extent == 0) return 0;
            overflow |= __builtin_mul_overflow(total, extent, &total);
        }
        if (overflow || total > std::size_t{std::numeric_limits<std::ptrdiff_t>::max()}) {
            throw ArgumentError(ErrorCode::kInvalidSize,
                                "the shape's bytes overflow; they must stay below 2^63 (items of " +
                                    std::to_string(item_bytes) + " bytes)");
        }
        return total;
    }

private:
    std::array<std::size_t, kMaxDimensions> extents_{};
    std::size_t dimensions_ = 0;
};

/// An array of T in a pooled block: C order, elements uninitialised unless the request said zeroed.
/// Move-only; the block goes back to its pool on destruction. Indices are checked by assert only. As with
/// std::span, a const Array still gives T&.
///
/// Thread safety: as for Buffer.
template <class T>
class Array {
    static_assert(!std::is_const_v<T>, "the elements of an Array<T> are written to: T must not be const");
    static_assert(
        std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
        "Array<T> runs no constructors or destructors: T must be trivially copyable and destructible");

public:
    using value_type = T;

    Array() noexcept = default;
    /// Takes over `buffer`. Throws ArgumentError, and leaves `buffer` alone, if it is smaller than
    /// shape.bytes(sizeof(T)) (kInvalidSize) or not aligned for T (kInvalidAlignment).
    Array(Buffer&& buffer, const Shape& shape) : shape_(shape), size_(shape.bytes(sizeof(T)) / sizeof(T)) {
        if (buffer.size() < size_ * sizeof(T)) {
            throw ArgumentError(ErrorCode::kInvalidSize, "a buffer of " + std::to_string(buffer.size()) +
                                                             " bytes; the array needs " +
                                                             std::to_string(size_ * sizeof(T)));
        }
        if (reinterpret_cast<std::uintptr_t>(buffer.data()) % alignof(T) != 0) {
            throw ArgumentError(
                ErrorCode::kInvalidAlignment,
                "the buffer is not aligned to the " + std::to_string(alignof(T)) + " bytes of its items");
        }
        buffer_ = std::move(buffer);
    }
    Array(Array&& other) noexcept
        : buffer_(std::move(other.buffer_)),
          shape_(std::exchange(other.shape_, Shape{0})),
          size_(std::exchange(other.size_, 0)) {}
    Array& operator=(Array&& other) noexcept {
        buffer_ = std::move(other.buffer_);
        shape_ = std::exchange(other.shape_, Shape{0});
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    T* data() const noexcept { return static_cast<T*>(buffer_.data()); }
    /// Elements, not bytes.
    std::size_t size() const noexcept { return size_; }
    const Shape& shape() const noexcept { return shape_; }
    std::span<T> span() const noexcept { return {data(), size_}; }
    T* begin() const noexcept { return data(); }
    T* end() const noexcept { return data() + size_; }
    /// The element at a flat index in C order, whatever the dimensions.
    T& operator[](std::size_t index) const noexcept {
        assert(index < size_);
        return data()[index];
    }
    /// The element at one index per dimension.
    template <class... Index>
    T& operator()(Index... index) const noexcept {
        static_assert(sizeof...(Index) <= Shape::kMaxDimensions && (std::is_integral_v<Index> && ...));
        assert(sizeof...(Index) == shape_.dimensions());
        std::size_t offset = 0;
        std::size_t axis = 0;
        ((assert(static_cast<std::size_t>(index) < shape_[axis]),
          offset = offset * shape_[axis++] + static_cast<std::size_t>(index)),
         ...);
        return data()[offset];
    }
    /// Gives up the block, and with it the elements.
    [[nodiscard]] Buffer release() noexcept {
        size_ = 0;
        shape_ = Shape{0};
        return std::move(buffer_);
    }

private:
    Buffer buffer_;
    Shape shape_{0};
    std::size_t size_ = 0;
};

}  // namespace numapool
