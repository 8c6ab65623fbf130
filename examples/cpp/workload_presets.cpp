// Shows: the presets for common workloads, what each one sets, and how much of the same burst of buffers each
// keeps ready for the next burst.
#include <cstdio>
#include <vector>

#include "numapool/numapool.h"

namespace {

constexpr std::size_t kBuffers = 100;
constexpr std::size_t kBytes = std::size_t{2} << 20;

// Holds a hundred 2 MiB buffers at once, as an epoch's worth of prefetched batches does, and lets them go.
void burst(numapool::MemoryPool& pool) {
    std::vector<numapool::Buffer> held;
    for (std::size_t i = 0; i < kBuffers; ++i) held.push_back(pool.get_buffer(kBytes));
}

void show(const char* name, numapool::PoolOptions options) {
    options.name = name;
    options.idle_decay = std::nullopt;  // nothing decays while this example looks
    numapool::MemoryPool pool(options);
    burst(pool);
    burst(pool);
    const numapool::Statistics statistics = pool.get_statistics();
    const auto& evicted = statistics.evicted(numapool::EvictionCause::kMaxBuffers);
    std::printf("%-17s %11zu %11s %8.2f %13llu/%llu %14.0f\n", name, pool.options().max_buffers,
                pool.options().enable_monitoring ? "on" : "off", pool.options().cleanup_threshold,
                static_cast<unsigned long long>(statistics.cache_hits),
                static_cast<unsigned long long>(statistics.total_allocations),
                static_cast<double>(evicted.bytes) / 1048576.0);
}

}  // namespace

int main() {
    using numapool::PoolOptions;
    using numapool::Workload;

    std::printf("%-17s %11s %11s %8s %17s %14s\n", "preset", "max_buffers", "monitoring", "cleanup",
                "hits/allocations", "evicted (MiB)");
    show("default", PoolOptions::for_workload(Workload::kDefault));
    show("inference", PoolOptions::for_workload(Workload::kInference));
    show("training", PoolOptions::for_workload(Workload::kTraining));
    show("batch_processing", PoolOptions::for_workload(Workload::kBatchProcessing));

    // A preset is a start: change what differs. Bounding idle memory by bytes replaces the bound by number.
    PoolOptions own = PoolOptions::for_workload(Workload::kInference);
    own.max_idle_bytes = std::size_t{256} << 20;
    show("own", own);
    return 0;
}
