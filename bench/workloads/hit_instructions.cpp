// Owns: a number of allocate-and-return pairs in a function of their own, for an instruction counter to
// count. Must not know: whose blocks they are (the build says it in BENCH_ALLOCATOR), who counts.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include BENCH_ALLOCATOR

/// The counter knows the function by this name (bench/callgrind.py).
extern "C" [[gnu::noinline]] void measured_pairs(numapool::bench::Allocator& allocator, std::size_t bytes,
                                                 std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) {
        void* block = allocator.allocate(bytes);
        asm volatile("" : : "r"(block) : "memory");
        allocator.deallocate(block, bytes);
    }
}

int main(int argc, char** argv) {
    const std::size_t bytes = argc == 3 ? std::strtoull(argv[1], nullptr, 10) : 0;
    const std::size_t pairs = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (bytes == 0 || pairs == 0) {
        std::fprintf(stderr, "usage: %s <bytes> <pairs>, both at least 1\n", argv[0]);
        return 2;
    }
    numapool::bench::Allocator allocator;
    for (int warm = 0; warm < 64; ++warm) allocator.deallocate(allocator.allocate(bytes), bytes);
    measured_pairs(allocator, bytes, pairs);
    return 0;
}
