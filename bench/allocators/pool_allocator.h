// Owns: a MemoryPool as an Allocator of the benchmarks, with the options that NUMAPOOL_BENCH names.
// Must not know: workloads, its peers.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

#include <numapool/memory_pool.h>
#include <numapool/version.h>

namespace numapool::bench {

/// One pool that all threads of a program share.
class Allocator {
public:
    void* allocate(std::size_t bytes) { return pool_.allocate(bytes); }
    void deallocate(void* block, std::size_t /*bytes*/) { pool_.deallocate(block); }

    /// What the allocator says of itself; the pool's own bytes are at their highest and now.
    std::map<std::string, double> figures() const {
        const Statistics statistics = pool_.get_statistics();
        return {{"held_bytes", static_cast<double>(statistics.peak_memory_bytes)},
                {"metadata_bytes", static_cast<double>(statistics.metadata_bytes)}};
    }

    static std::string served_by() { return std::string("numapool ") + NUMAPOOL_VERSION_STRING; }

private:
    /// NUMAPOOL_BENCH: unset (default options), "tuned" (keeps far more, as its peers' tuned settings do), or
    /// "unmonitored".
    static PoolOptions options() {
        const char* said = std::getenv("NUMAPOOL_BENCH");
        const std::string which = said != nullptr ? said : "";
        if (which.empty()) return {};
        if (which == "tuned") return {.max_buffers = 4096, .idle_decay = std::nullopt};
        if (which == "unmonitored") return {.enable_monitoring = false};
        throw std::invalid_argument("NUMAPOOL_BENCH is '" + which +
                                    "'; leave it unset, or say 'tuned' or 'unmonitored'");
    }

    MemoryPool pool_{options()};
};

}  // namespace numapool::bench
