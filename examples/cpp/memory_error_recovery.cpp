// Shows: what happens at a pool's limit, and how a program goes on: give idle memory back, take a smaller
// batch, or do without; and which mistakes the pool catches.
#include <cstdio>
#include <new>
#include <utility>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kImageBytes = 224 * 224 * 3 * sizeof(float);

// Takes a batch of `images`, or of half as many until it fits.
numapool::Buffer largest_batch(numapool::MemoryPool& pool, std::size_t images) {
    while (true) {
        try {
            numapool::Buffer batch = pool.get_buffer(images * kImageBytes);
            std::printf("a batch of %zu images fits\n", images);
            return batch;
        } catch (const numapool::OutOfMemoryError& error) {  // also caught as std::bad_alloc
            std::printf("a batch of %zu images does not: %s\n", images, error.message());
            if (images == 1) throw;
            images /= 2;
        }
    }
}

}  // namespace

int main() {
    numapool::MemoryPool pool({.name = "small", .max_bytes = std::size_t{64} << 20});

    const numapool::Buffer model = pool.get_buffer(std::size_t{40} << 20);
    {
        const numapool::Buffer batch = largest_batch(pool, 256);
    }

    // Where an exception is unwelcome: a null pointer and the reason.
    numapool::ErrorCode why = numapool::ErrorCode::kOk;
    if (pool.try_allocate(std::size_t{1} << 30, {}, &why) == nullptr) {
        std::printf("1 GiB: %s\n", to_string(why));
    }

    // Mistakes are told, and change nothing.
    void* block = pool.allocate(4096);
    pool.deallocate(block);
    try {
        pool.deallocate(block);
    } catch (const numapool::ArgumentError& error) {
        std::printf("a second return: %s\n", error.message());
    }
    try {
        static_cast<void>(pool.get_buffer(64, {.placement = numapool::Placement::on_node(1000)}));
    } catch (const numapool::PoolError& error) {
        std::printf("a node that is not there: %s\n", error.message());
    }

    std::printf("trim gave back %.1f MiB; ", static_cast<double>(pool.trim()) / 1048576.0);
    const numapool::Statistics statistics = pool.get_statistics();
    std::printf("%.1f MiB of at most 64 are held\n", statistics.memory_usage_mb());
    return 0;
}
