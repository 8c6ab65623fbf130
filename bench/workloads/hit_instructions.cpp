// Owns: a fixed number of allocate-and-return pairs, for an instruction counter to count: the difference of
// two runs with different numbers leaves the pairs alone.
// Must not know: whose blocks they are (the build says it in BENCH_ALLOCATOR), who counts.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include BENCH_ALLOCATOR

int main(int argc, char** argv) {
    const std::size_t bytes = argc == 3 ? std::strtoull(argv[1], nullptr, 10) : 0;
    const std::size_t pairs = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (bytes == 0 || pairs == 0) {
        std::fprintf(stderr, "usage: %s <bytes> <pairs>, both at least 1\n", argv[0]);
        return 2;
    }
    numapool::bench::Allocator allocator;
    const auto pair = [&allocator, bytes] {
        void* block = allocator.allocate(bytes);
        asm volatile("" : : "r"(block) : "memory");
        allocator.deallocate(block, bytes);
    };
    for (int warm = 0; warm < 64; ++warm) pair();
    for (std::size_t i = 0; i < pairs; ++i) pair();
    return 0;
}
