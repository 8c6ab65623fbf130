// Owns: the C face of one copy of the library, found in a plug-in by dlsym.
// Must not know: which copy it is.
#pragma once

#include <cstddef>
#include <cstdint>

struct OneCopy {
    void* (*make_pool)();
    void (*end_pool)(void* pool);
    void* (*get)(void* pool, std::size_t bytes);  ///< null if refused
    int (*give)(void* pool, void* block);         ///< the ErrorCode
    int (*give_to_any)(void* block);              ///< return_block's
    int foreign;                                  ///< ErrorCode::kForeignPointer
    std::uint64_t (*live)(void* pool);
    const void* (*code)();  ///< where the copy's own code lies
};

extern "C" [[gnu::visibility("default")]] const OneCopy* one_copy();
