// Owns: one misuse of a pool's block, by name, for the tools that should find it.
// Must not know: the tools.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kBytes = 1000;

void right_use(numapool::MemoryPool& pool) {
    std::vector<void*> held;
    for (std::size_t bytes = 1; bytes < std::size_t{4} << 20; bytes = bytes * 2 + 1) {
        for (int i = 0; i < 3; ++i) {
            auto* block = static_cast<unsigned char*>(pool.allocate(bytes, {.zeroed = i == 1}));
            if (i == 1 && (block[0] | block[bytes / 2] | block[bytes - 1]) != 0) std::puts("not zeroed");
            std::memset(block, 1, bytes);
            held.push_back(block);
        }
        pool.deallocate(held.front());
        held.erase(held.begin());
        if (bytes % 8 == 7) pool.trim();
    }
    for (void* block : held) pool.deallocate(block);
    // What only a pooled block refers to is no leak.
    static auto* keeper = static_cast<char**>(pool.allocate(sizeof(char*)));
    *keeper = new char[32];
}

/// Volatile, so that no compiler sees what is wrong.
int run(const std::string& what) {
    static auto* pool = new numapool::MemoryPool;
    auto* block = static_cast<volatile char*>(pool->allocate(kBytes));
    char* plain = const_cast<char*>(block);
    if (what == "overrun") {
        block[kBytes] = 1;
    } else if (what == "underrun") {
        block[-1] = 1;
    } else if (what == "late") {
        pool->deallocate(plain);
        block[5] = 1;
    } else if (what == "undefined") {
        if (block[7] == 3) std::puts("three");
    } else if (what == "leak") {
        block = nullptr;
        plain = nullptr;
        return 0;
    } else {
        right_use(*pool);
    }
    if (what != "late") pool->deallocate(plain);
    std::puts("went on");
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argc > 1 ? argv[1] : "right"); }
