// Owns: malloc and free as an Allocator of the benchmarks, whichever library provides them (LD_PRELOAD), and
// the word which.
// Must not know: numapool, workloads.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>
#include <map>
#include <new>
#include <string>

namespace numapool::bench {

class Allocator {
public:
    void* allocate(std::size_t bytes) {
        void* block = std::malloc(bytes);
        if (block == nullptr) throw std::bad_alloc();
        return block;
    }
    void deallocate(void* block, std::size_t /*bytes*/) { std::free(block); }

    std::map<std::string, double> figures() const { return {}; }

    /// The file of the library whose malloc this is.
    static std::string served_by() {
        Dl_info info{};
        void* found = ::dlsym(RTLD_DEFAULT, "malloc");
        const bool known = found != nullptr && ::dladdr(found, &info) != 0 && info.dli_fname != nullptr;
        return known ? info.dli_fname : "unknown";
    }
};

}  // namespace numapool::bench
