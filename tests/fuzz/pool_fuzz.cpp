// Owns: the way from libFuzzer's bytes to the interpreter.
// Must not know: what they mean.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "interpreter.h"
#include "trace.h"

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*words*/) {
    return std::atexit([] {
        std::fprintf(stderr, "pool_fuzz: %llu operations\n",
                     static_cast<unsigned long long>(numapool::fuzz::trace().operations()));
    });
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    numapool::fuzz::interpret({data, size}, "the input that libFuzzer writes to a file");
    return 0;
}
