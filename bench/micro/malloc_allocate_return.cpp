// Owns: the timing of malloc and free, whichever library provides them (LD_PRELOAD), and the word which.
// Must not know: numapool.
#include <dlfcn.h>

#include <cstdlib>

#include "allocate_return.h"

namespace {

struct MallocAllocator {
    void* allocate(std::size_t bytes) { return std::malloc(bytes); }
    void deallocate(void* block) { std::free(block); }
};

}  // namespace

int main(int argc, char** argv) {
    Dl_info info{};
    void* found = ::dlsym(RTLD_DEFAULT, "malloc");
    const bool known = found != nullptr && ::dladdr(found, &info) != 0 && info.dli_fname != nullptr;
    benchmark::AddCustomContext("malloc", known ? info.dli_fname : "unknown");
    MallocAllocator allocator;
    return numapool::bench::time_allocate_return(argc, argv, allocator);
}
