// Owns: a fixed number of allocate-and-return pairs, for an instruction counter to count: the difference of
// two runs with different numbers leaves the pairs alone.
// Must not know: whose blocks they are, who counts.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace numapool::bench {

/// Reads <bytes> and <pairs> from the command line; returns the exit status of a main().
template <class Allocator>
int run_hits(int argc, char** argv, Allocator& allocator) {
    const std::size_t bytes = argc == 3 ? std::strtoull(argv[1], nullptr, 10) : 0;
    const std::size_t pairs = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (bytes == 0 || pairs == 0) {
        std::fprintf(stderr, "usage: %s <bytes> <pairs>, both at least 1\n", argv[0]);
        return 2;
    }
    for (int warm = 0; warm < 64; ++warm) allocator.deallocate(allocator.allocate(bytes));
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        void* block = allocator.allocate(bytes);
        asm volatile("" : : "r"(block) : "memory");
        allocator.deallocate(block);
    }
    return 0;
}

}  // namespace numapool::bench
