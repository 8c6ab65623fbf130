// Owns: the macro that marks what the library exports. Everything else is hidden.
// Must not know: any other header.
#pragma once

#if defined(NUMAPOOL_STATIC)
#define NUMAPOOL_API
#else
#define NUMAPOOL_API __attribute__((visibility("default")))
#endif

// Exceptions cross library boundaries: their type information is visible even where the library is linked
// statically.
#define NUMAPOOL_EXCEPTION __attribute__((visibility("default")))
