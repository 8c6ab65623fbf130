// Owns: what 1 GiB of memory costs that a program has not had before: by the pool's initialize(), by
// populating and by first touch, with huge pages and without. Prints JSON: milliseconds on the wall and of
// CPU time. Must not know: who reads it.
#include <sys/mman.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "numapool/memory_pool.h"

#include "workloads/pages.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14; Debian 12's headers lack it
#endif

namespace {

constexpr std::size_t kBytes = std::size_t{1} << 30;

/// Fresh memory at a multiple of kBytes, with that advice on huge pages.
class Mapping {
public:
    explicit Mapping(int advice)
        : memory_(::mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        if (memory_ == MAP_FAILED) throw std::runtime_error("2 GiB of addresses cannot be mapped");
        begin_ = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory_) + kBytes - 1) / kBytes *
                                         kBytes);
        ::madvise(begin_, kBytes, advice);  // a kernel without huge pages refuses it, and has small ones
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { ::munmap(memory_, 2 * kBytes); }

    void populate() {
        if (::madvise(begin_, kBytes, MADV_POPULATE_WRITE) != 0)
            throw std::runtime_error("this kernel refuses MADV_POPULATE_WRITE");
    }
    void touch() { numapool::bench::touch_pages(begin_, kBytes); }

private:
    void* memory_;
    void* begin_;
};

template <class Work>
void time(Work work) {
    const double cpu = numapool::bench::cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto before = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - before;
    std::printf("{\"wall_ms\": %.2f, \"cpu_ms\": %.2f}\n", wall.count() * 1e3,
                (numapool::bench::cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e3);
}

/// Mapped before and unmapped after the clock runs.
void time_mapping(int advice, void (Mapping::*work)()) {
    Mapping mapping(advice);
    time([&] { (mapping.*work)(); });
}

}  // namespace

int main(int argc, char** argv) try {
    const std::string what = argc == 2 ? argv[1] : "";
    if (what == "initialize") {
        numapool::MemoryPool pool;
        time([&] { pool.initialize(kBytes); });
    } else if (what == "populate_huge") {
        time_mapping(MADV_HUGEPAGE, &Mapping::populate);
    } else if (what == "populate_small") {
        time_mapping(MADV_NOHUGEPAGE, &Mapping::populate);
    } else if (what == "touch_huge") {
        time_mapping(MADV_HUGEPAGE, &Mapping::touch);
    } else if (what == "touch_small") {
        time_mapping(MADV_NOHUGEPAGE, &Mapping::touch);
    } else {
        std::fprintf(stderr,
                     "usage: cold_start initialize|populate_huge|populate_small|touch_huge|touch_small\n");
        return 2;
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "cold_start: %s\n", error.what());
    return 1;
}
