// Owns: what an array is to be like, in the form in which requests and arrays are compared.
// Must not know: arguments; pools.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "numpy_api.h"

namespace numapool_python {

struct ArraySpec {
    static constexpr int kBucketBits = 4;

    PyArray_Descr* descr = nullptr;  ///< borrowed from whoever made the spec
    int dimensions = 0;
    bool fortran = false;
    std::uint8_t bucket = 0;  ///< below 2^kBucketBits; the same for equal specs
    std::size_t bytes = 0;
    std::size_t alignment = 64;
    std::array<npy_intp, NPY_MAXDIMS>
        shape;  ///< its first `dimensions` extents; the rest is left unset for speed

    ArraySpec() = default;
    ArraySpec(const ArraySpec&) = delete;
    ArraySpec& operator=(const ArraySpec& other) noexcept {
        descr = other.descr;
        dimensions = other.dimensions;
        fortran = other.fortran;
        bucket = other.bucket;
        bytes = other.bytes;
        alignment = other.alignment;
        std::copy_n(other.shape.begin(), dimensions, shape.begin());
        return *this;
    }
    ~ArraySpec() = default;
};

/// A hash of a shape and `start`, good in its upper bits.
inline std::uint64_t hash_shape(std::uint64_t start, const npy_intp* extents, int dimensions) noexcept {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio: Fibonacci hashing
    std::uint64_t hash = (start + static_cast<std::uint64_t>(dimensions)) * kOdd;
    for (int i = 0; i < dimensions; ++i) hash = (hash + static_cast<std::uint64_t>(extents[i])) * kOdd;
    return hash;
}

}  // namespace numapool_python
