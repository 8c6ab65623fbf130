// Owns: the bytes of a pool's own records over the bytes that it holds, for some mixes of blocks. Prints
// JSON. Must not know: who reads it.
#include <cstdio>
#include <vector>

#include "numapool/memory_pool.h"

#include "workloads/draws.h"

namespace {

struct Mix {
    const char* name;
    std::size_t least_bytes, most_bytes, total_bytes;
};

constexpr Mix kMixes[] = {
    {"64 B", 64, 64, std::size_t{64} << 20},
    {"64 B to 1 KiB", 64, 1 << 10, std::size_t{64} << 20},
    {"1 KiB to 1 MiB", 1 << 10, 1 << 20, std::size_t{256} << 20},
    {"1 to 64 MiB", 1 << 20, 64 << 20, std::size_t{1} << 30},
    {"64 B to 64 MiB", 64, 64 << 20, std::size_t{1} << 30},
};

}  // namespace

int main() {
    const char* separator = "{";
    for (const Mix& mix : kMixes) {
        numapool::MemoryPool pool;
        auto sizes = numapool::bench::Draws::sizes(1, mix.least_bytes, mix.most_bytes);
        std::vector<void*> blocks;
        for (std::size_t total = 0; total < mix.total_bytes;) {
            const std::size_t bytes = sizes.next();
            blocks.push_back(pool.allocate(bytes));
            total += bytes;
        }
        const numapool::Statistics statistics = pool.get_statistics();
        std::printf("%s\"%s\": {\"blocks\": %zu, \"held_bytes\": %llu, \"metadata_bytes\": %llu}", separator,
                    mix.name, blocks.size(), static_cast<unsigned long long>(statistics.memory_usage_bytes),
                    static_cast<unsigned long long>(statistics.metadata_bytes));
        separator = ", ";
        for (void* block : blocks) pool.deallocate(block);
    }
    std::printf("}\n");
    return 0;
}
