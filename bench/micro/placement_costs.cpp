// Owns: what placement costs: reading the current node, and looking a page up beside faulting it in. Prints
// JSON. Must not know: who reads it.
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <cstdio>
#include <cstring>

#include "numapool/numapool.h"

namespace {

constexpr int kReads = 20'000'000;
constexpr std::size_t kBytes = std::size_t{64} << 20;

double thread_nanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Work>
double per_time(double times, Work work) {
    const double before = thread_nanoseconds();
    work();
    return (thread_nanoseconds() - before) / times;
}

template <class Read>
double per_read(Read read) {
    return per_time(kReads, [&] {
        for (int i = 0; i < kReads; ++i) {
            int node = read();
            asm volatile("" : : "r"(node) : "memory");
        }
    });
}

/// Nanoseconds a page to fault fresh memory in, and then to look it up.
void fault_and_look_up(int advice, double& fault, double& look_up) {
    // Twice as much as is used: huge pages start at multiples of their size.
    void* memory = ::mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    auto* begin =
        reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(memory) + kBytes - 1) / kBytes * kBytes);
    ::madvise(begin, kBytes, advice);
    const double pages = static_cast<double>(kBytes) / 4096;
    fault = per_time(pages, [&] { std::memset(begin, 1, kBytes); });
    look_up = per_time(pages, [&] { static_cast<void>(numapool::where(begin, kBytes)); });
    ::munmap(memory, 2 * kBytes);
}

}  // namespace

int main() {
    const double nothing = per_read([] { return 0; });
    const double node = per_read([] { return numapool::current_node(); });
    const double getcpu = per_read([] {
        unsigned cpu = 0;
        unsigned found = 0;
        ::getcpu(&cpu, &found);
        return static_cast<int>(found);
    });
    double fault = 0;
    double look_up = 0;
    double huge_fault = 0;
    double huge_look_up = 0;
    fault_and_look_up(MADV_NOHUGEPAGE, fault, look_up);
    fault_and_look_up(MADV_HUGEPAGE, huge_fault, huge_look_up);
    std::printf(
        "{\"empty_loop_ns\": %.3f, \"current_node_ns\": %.3f, \"getcpu_ns\": %.3f, "
        "\"fault_ns_per_page\": %.1f, \"look_up_ns_per_page\": %.1f, "
        "\"huge_fault_ns_per_page\": %.1f, \"huge_look_up_ns_per_page\": %.1f}\n",
        nothing, node, getcpu, fault, look_up, huge_fault, huge_look_up);
    return 0;
}
