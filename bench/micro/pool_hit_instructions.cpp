// Owns: hits of a MemoryPool with default options.
// Must not know: its peers, who counts.
#include <numapool/memory_pool.h>

#include "hit_instructions.h"

namespace {

struct PoolAllocator {
    numapool::MemoryPool pool;
    void* allocate(std::size_t bytes) { return pool.allocate(bytes); }
    void deallocate(void* block) { pool.deallocate(block); }
};

}  // namespace

int main(int argc, char** argv) {
    PoolAllocator allocator;
    return numapool::bench::run_hits(argc, argv, allocator);
}
