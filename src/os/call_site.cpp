// Owns: the calls behind call_site.h.
// Must not know: what the calls were for.
#include "os/call_site.h"

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "numapool/call_place.h"

#include "os/fault_signal.h"

namespace numapool::os {
namespace {

// Relaxed: a namer may be asked once more after it was replaced.
constinit std::atomic<PlaceNamer> place_namer{nullptr};

}  // namespace

CallSite CallSite::here_in_handler() noexcept {
    CallSite site;
    site.depth = ::backtrace(site.frames.data(), kFrames);
    site.thread = static_cast<int>(::syscall(SYS_gettid));
    return site;
}

CallSite CallSite::here() noexcept {
    CallSite site = here_in_handler();
    if (const PlaceNamer namer = place_namer.load(std::memory_order_relaxed); namer != nullptr)
        namer(site.place.data(), site.place.size());
    return site;
}

void CallSite::write(const char* what) const noexcept {
    std::array<char, 256> line{};
    // No conversion used here allocates.
    static_cast<void>(std::snprintf(line.data(), line.size(), "  %s by thread %d%s%s:\n", what, thread,
                                    place[0] != '\0' ? ", " : "", place.data()));
    write_error(line.data());
    ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
}

}  // namespace numapool::os

namespace numapool {

void set_place_namer(PlaceNamer namer) noexcept { os::place_namer.store(namer, std::memory_order_relaxed); }

}  // namespace numapool
