// Owns: hits of malloc and free, whichever library provides them (LD_PRELOAD).
// Must not know: numapool, who counts.
#include <cstdlib>

#include "hit_instructions.h"

namespace {

struct MallocAllocator {
    void* allocate(std::size_t bytes) { return std::malloc(bytes); }
    void deallocate(void* block) { std::free(block); }
};

}  // namespace

int main(int argc, char** argv) {
    MallocAllocator allocator;
    return numapool::bench::run_hits(argc, argv, allocator);
}
