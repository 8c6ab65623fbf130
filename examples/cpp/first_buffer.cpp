// Shows: the life of a pooled buffer. It is filled, returns itself, and the next one of that size gets the
// same memory back: no system call, no page fault.
#include <cstdio>
#include <numeric>

#include "numapool/numapool.h"

int main() {
    numapool::MemoryPool pool({.name = "first-buffer"});

    const void* first_address = nullptr;
    {
        // 1000 x 2000 doubles, 15.3 MiB, aligned to 64 bytes; the contents are undefined until written.
        auto table = pool.get_array<double>({1000, 2000});
        std::iota(table.begin(), table.end(), 0.0);
        first_address = table.data();
        std::printf("table(999, 1999) = %.0f\n", table(999U, 1999U));
        std::printf("its pages lie on  %s\n", to_string(numapool::where(table)).c_str());
    }  // the array returns itself here

    auto again = pool.get_array<double>({1000, 2000});
    std::printf("the next one has  %s\n", again.data() == first_address ? "the same memory" : "other memory");

    // Zeros must be asked for: a reused buffer holds what its last holder left.
    const auto zeros = pool.get_array<float>({64}, {.zeroed = true});
    std::printf("zeros sum up to   %.1f\n",
                static_cast<double>(std::accumulate(zeros.begin(), zeros.end(), 0.0F)));

    pool.return_array(std::move(again));  // or return it before its name ends

    const numapool::Statistics statistics = pool.get_statistics();
    std::printf("%llu allocations, %llu of them from returned memory; %.1f MiB held, %.1f MiB of it idle\n",
                static_cast<unsigned long long>(statistics.total_allocations),
                static_cast<unsigned long long>(statistics.cache_hits), statistics.memory_usage_mb(),
                static_cast<double>(statistics.idle_bytes) / 1048576.0);
    return 0;
}
