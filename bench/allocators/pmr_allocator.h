// Owns: std::pmr::synchronized_pool_resource as an Allocator of the benchmarks, over the C library's malloc.
// Must not know: numapool, workloads.
#pragma once

#include <cstddef>
#include <map>
#include <memory_resource>
#include <string>

namespace numapool::bench {

class Allocator {
public:
    void* allocate(std::size_t bytes) { return resource_.allocate(bytes, kAlignment); }
    void deallocate(void* block, std::size_t bytes) { resource_.deallocate(block, bytes, kAlignment); }

    std::map<std::string, double> figures() const { return {}; }

    static std::string served_by() { return "libstdc++ " + std::to_string(_GLIBCXX_RELEASE); }

private:
    static constexpr std::size_t kAlignment = alignof(std::max_align_t);  // what malloc's blocks have

    std::pmr::synchronized_pool_resource resource_;
};

}  // namespace numapool::bench
