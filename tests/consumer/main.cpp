// A stranger's first program: it sees what is installed and nothing else, and must know nothing of src/.
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <numapool/numapool.h>

int main() {
    constexpr std::size_t kBytes = 1 << 20;
    numapool::MemoryPool pool;
    numapool::Buffer buffer = pool.get_buffer(kBytes);
    std::memset(buffer.data(), 0x5a, kBytes);
    const unsigned char last = static_cast<const unsigned char*>(buffer.data())[kBytes - 1];
    std::printf("numapool %d.%d.%d: a buffer of %zu bytes, its last one is 0x%02x\n", NUMAPOOL_VERSION_MAJOR,
                NUMAPOOL_VERSION_MINOR, NUMAPOOL_VERSION_PATCH, kBytes, static_cast<unsigned>(last));
    return last == 0x5a ? 0 : 1;
}
