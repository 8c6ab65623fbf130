// Owns: the table behind plain_heap.h.
// Must not know: arenas, nodes.
#include "pool/plain_heap.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

#include "numapool/errors.h"

#include "base/held_locks.h"

namespace numapool::detail {
namespace {

constinit base::Mutex table_mutex;

// Never destroyed: buffers may come back while the process exits.
std::unordered_map<const void*, PlainBlock>& table() {
    static auto* blocks = new std::unordered_map<const void*, PlainBlock>;
    return *blocks;
}

}  // namespace

bool PlainHeap::wanted() {
    const char* text = std::getenv("NUMAPOOL_DISABLE");
    if (text == nullptr || *text == '\0' || std::strcmp(text, "0") == 0) return false;
    if (std::strcmp(text, "1") == 0) return true;
    throw ArgumentError(ErrorCode::kInvalidOption,
                        "NUMAPOOL_DISABLE is \"" + std::string(text) + "\"; 0 or 1 are possible");
}

void* PlainHeap::allocate(PoolCore& pool, std::size_t bytes, std::size_t alignment) noexcept {
    void* block = nullptr;
    if (::posix_memalign(&block, alignment, bytes) != 0) return nullptr;
    try {
        const std::lock_guard lock(table_mutex);
        table().insert_or_assign(block, PlainBlock{&pool, bytes});
        return block;
    } catch (const std::bad_alloc&) {
        std::free(block);
        return nullptr;
    }
}

std::optional<PlainBlock> PlainHeap::find(const void* block) noexcept {
    const std::lock_guard lock(table_mutex);
    const auto found = table().find(block);
    if (found == table().end()) return std::nullopt;
    return found->second;
}

bool PlainHeap::free(void* block) noexcept {
    {
        const std::lock_guard lock(table_mutex);
        if (table().erase(block) == 0) return false;
    }
    std::free(block);
    return true;
}

void PlainHeap::lock() noexcept { table_mutex.lock(); }
void PlainHeap::unlock() noexcept { table_mutex.unlock(); }

}  // namespace numapool::detail
