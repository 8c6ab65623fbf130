// Owns: reading how much address space the test's process has mapped.
// Must not know: by whom.
#pragma once

#include <cstddef>
#include <string>

#include "os/text_file.h"
#include "os/virtual_memory.h"

namespace numapool::fakes {

/// The process's address space, in bytes; what the library, the C library and a sanitizer mapped.
inline std::size_t mapped_bytes() {
    // The first number of the file is in pages.
    return std::stoull(os::read_text_file("/proc/self/statm").value()) * os::page_bytes();
}

}  // namespace numapool::fakes
