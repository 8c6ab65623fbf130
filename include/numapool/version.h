// Owns: the version of the headers, the one place where it is written; the build and the package read it
// here. Must not know: anything else.
//
// ABI policy: while the major version is 0, every minor version is an ABI of its own and the SONAME is
// libnumapool.so.0.MINOR; from 1.0 on the SONAME is libnumapool.so.MAJOR. A patch version never changes the
// ABI.
#pragma once

#include "numapool/export.h"

#define NUMAPOOL_VERSION_MAJOR 0
#define NUMAPOOL_VERSION_MINOR 1
#define NUMAPOOL_VERSION_PATCH 0
#define NUMAPOOL_VERSION_STRING "0.1.0"

namespace numapool {

/// The version of the library that is running, for instance "0.1.0"; compare with NUMAPOOL_VERSION_STRING.
NUMAPOOL_API const char* version() noexcept;

}  // namespace numapool
