// Owns: a plug-in's face over the copy of the library that it was linked to.
// Must not know: that there are others.
#include "one_copy.h"

#include "numapool/numapool.h"

namespace {

using numapool::MemoryPool;

MemoryPool& pool_of(void* pool) { return *static_cast<MemoryPool*>(pool); }

numapool::PoolOptions options() {
    numapool::PoolOptions made;
    made.idle_decay = std::chrono::milliseconds(20);  // with a thread of its own
    return made;
}

constexpr OneCopy kCopy = {
    []() -> void* { return new MemoryPool(options()); },
    [](void* pool) { delete &pool_of(pool); },
    [](void* pool, std::size_t bytes) -> void* { return pool_of(pool).try_allocate(bytes); },
    [](void* pool, void* block) { return static_cast<int>(pool_of(pool).try_deallocate(block)); },
    [](void* block) { return static_cast<int>(numapool::return_block(block)); },
    static_cast<int>(numapool::ErrorCode::kForeignPointer),
    [](void* pool) { return pool_of(pool).get_statistics().live_buffers; },
    []() -> const void* { return reinterpret_cast<const void*>(&numapool::return_block); },
};

}  // namespace

const OneCopy* one_copy() { return &kCopy; }
