// Owns: the way from libFuzzer's bytes to the interpreter.
// Must not know: what they mean.
#include <cstddef>
#include <cstdint>

#include "interpreter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    numapool::fuzz::interpret({data, size}, "libFuzzer's input, which it writes to a file");
    return 0;
}
