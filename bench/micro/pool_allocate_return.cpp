// Owns: the timing of a MemoryPool with default options.
// Must not know: its peers.
#include <numapool/memory_pool.h>

#include "allocate_return.h"

namespace {

struct PoolAllocator {
    numapool::MemoryPool pool;
    void* allocate(std::size_t bytes) { return pool.allocate(bytes); }
    void deallocate(void* block) { pool.deallocate(block); }
};

}  // namespace

int main(int argc, char** argv) {
    PoolAllocator allocator;
    return numapool::bench::time_allocate_return(argc, argv, allocator);
}
