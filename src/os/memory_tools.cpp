// Owns: the calls behind memory_tools.h.
// Must not know: blocks, pools.
//
// AddressSanitizer is found by its functions, which exist where the program was built with it, whatever this
// library was built with. Valgrind is asked by instructions that do nothing elsewhere.
#include "os/memory_tools.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define NUMAPOOL_FOR_VALGRIND(...) __VA_ARGS__
#else
#define NUMAPOOL_FOR_VALGRIND(...)
#endif

extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* address, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* address, std::size_t bytes);
[[gnu::weak]] void __lsan_register_root_region(const void* address, std::size_t bytes);
[[gnu::weak]] void __lsan_unregister_root_region(const void* address, std::size_t bytes);
}

namespace numapool::os {
namespace {

bool on_valgrind() noexcept {
    // Of its tools only memcheck knows this request; to the others (callgrind) blocks are as they always are.
    NUMAPOOL_FOR_VALGRIND(static char asked = 0; return VALGRIND_MAKE_MEM_DEFINED(&asked, 1) != 0;)
    return false;
}

bool on_asan() noexcept { return __asan_poison_memory_region != nullptr; }

void* at(std::uintptr_t address) noexcept { return reinterpret_cast<void*>(address); }

}  // namespace

bool tools_watch() noexcept { return on_asan() || on_valgrind(); }

void tools_pool_made(const void* pool) noexcept {
    static_cast<void>(pool);
    NUMAPOOL_FOR_VALGRIND(VALGRIND_CREATE_MEMPOOL(pool, kToolMargin, 0);)
}

void tools_pool_gone(const void* pool) noexcept {
    static_cast<void>(pool);
    NUMAPOOL_FOR_VALGRIND(VALGRIND_DESTROY_MEMPOOL(pool);)
}

void tools_block_made(const void* pool, std::uintptr_t address, std::size_t bytes, bool defined) noexcept {
    static_cast<void>(pool), static_cast<void>(defined);
    if (on_asan()) __asan_unpoison_memory_region(at(address), bytes);
    NUMAPOOL_FOR_VALGRIND(VALGRIND_MEMPOOL_ALLOC(pool, at(address), bytes);
                          if (defined) static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(at(address), bytes));)
}

void tools_block_gone(const void* pool, std::uintptr_t address, std::size_t bytes) noexcept {
    static_cast<void>(pool);
    if (on_asan()) __asan_poison_memory_region(at(address), bytes);
    NUMAPOOL_FOR_VALGRIND(VALGRIND_MEMPOOL_FREE(pool, at(address));)
}

void tools_hide(std::uintptr_t address, std::size_t bytes) noexcept {
    if (on_asan()) __asan_poison_memory_region(at(address), bytes);
    NUMAPOOL_FOR_VALGRIND(static_cast<void>(VALGRIND_MAKE_MEM_NOACCESS(at(address), bytes));)
}

void tools_show(std::uintptr_t address, std::size_t bytes) noexcept {
    if (on_asan()) __asan_unpoison_memory_region(at(address), bytes);
    NUMAPOOL_FOR_VALGRIND(static_cast<void>(VALGRIND_MAKE_MEM_UNDEFINED(at(address), bytes));)
}

void tools_roots_made(std::uintptr_t address, std::size_t bytes) noexcept {
    if (__lsan_register_root_region != nullptr) __lsan_register_root_region(at(address), bytes);
}

void tools_roots_gone(std::uintptr_t address, std::size_t bytes) noexcept {
    if (__lsan_unregister_root_region != nullptr) __lsan_unregister_root_region(at(address), bytes);
}

}  // namespace numapool::os
