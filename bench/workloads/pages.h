// Owns: touching pages, and what the kernel counts of this process's: faults and resident bytes.
// Must not know: whose pages they are.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace numapool::bench {

inline std::size_t page_bytes() {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

/// Writes one byte to each page, in another cache line from page to page: were all at the start of their
/// page, they would share a few cache sets, and those who use huge pages would be timed for that. Which line
/// it is the page's address says, so that a page costs the same to whichever block it belongs this time.
inline void touch_pages(void* block, std::size_t bytes) {
    auto* at = static_cast<volatile std::byte*>(block);
    const std::size_t page = page_bytes();
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const int shift = std::countr_zero(page) - 6;  // page number times the line's 64 bytes
    for (std::size_t begin = 0; begin < bytes; begin += page) {
        const std::size_t line = (address + begin) >> shift & (page - 64);
        at[begin + line < bytes ? begin + line : begin] = std::byte{1};
    }
}

/// Writes one byte to each cache line of 64 bytes.
inline void touch_lines(void* block, std::size_t bytes) {
    auto* at = static_cast<volatile std::byte*>(block);
    for (std::size_t line = 0; line < bytes; line += 64) at[line] = std::byte{1};
}

/// Page faults of the whole process so far that needed no disk: an allocator's own threads count too.
inline double faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_minflt);
}

/// Seconds of CPU time, of this thread (CLOCK_THREAD_CPUTIME_ID) or of the process.
inline double cpu_seconds(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Bytes of this process in physical memory. Reading them allocates nothing.
class ResidentBytes {
public:
    ResidentBytes() : statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {
        if (statm_ < 0) throw std::runtime_error("/proc/self/statm cannot be opened");
    }
    ResidentBytes(const ResidentBytes&) = delete;
    ResidentBytes& operator=(const ResidentBytes&) = delete;
    ~ResidentBytes() { ::close(statm_); }

    double now() const {
        char text[128];
        const ssize_t length = ::pread(statm_, text, sizeof(text) - 1, 0);
        if (length <= 0) throw std::runtime_error("/proc/self/statm cannot be read");
        text[length] = '\0';
        char* resident = nullptr;
        std::strtoull(text, &resident, 10);  // the first figure is the address space's
        return static_cast<double>(std::strtoull(resident, nullptr, 10) * page_bytes());
    }

private:
    int statm_;
};

}  // namespace numapool::bench
