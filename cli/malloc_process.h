// Owns: measuring an allocator that replaces malloc, in a process of its own.
// Must not know: how the figures are shown.
#pragma once

#include <string>
#include <vector>

#include "reuse_rounds.h"

namespace numapool_cli {

/// A library that can be put under a program by LD_PRELOAD.
struct MallocLibrary {
    std::string name;  ///< "jemalloc"
    std::string path;  ///< empty: the C library's own malloc
};

/// Those that are installed in the usual folders, after the C library's own.
std::vector<MallocLibrary> find_malloc_libraries();

struct MallocMeasurement {
    std::string file;  ///< that malloc really came from
    std::vector<ReuseCase> cases;
    std::string failure;  ///< why there are no cases; empty if there are
};

/// Runs this program again, with the library under it, and waits for it, a few seconds longer than the plan
/// says at most. Throws nothing but std::bad_alloc: what goes wrong is part of the result.
MallocMeasurement measure_in_process(const MallocLibrary& library, const ReusePlan& plan);

/// What the other process does: measures malloc and free as they are here, and writes the figures to
/// standard output. Throws as measure_reuse does.
void report_malloc(const ReusePlan& plan);

}  // namespace numapool_cli
