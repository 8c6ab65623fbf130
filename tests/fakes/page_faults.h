// Owns: counting the page faults that a test's thread takes.
// Must not know: anything of the library.
#pragma once

#include <sys/resource.h>

namespace numapool::fakes {

/// Minor faults of the calling thread so far. Under a sanitizer always 0: it touches pages of its own for
/// each that the program touches, so nothing can be said of the program's there.
inline long page_faults() noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#else
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
#endif
}

}  // namespace numapool::fakes
