// Owns: the calls behind remapping.h.
// Must not know: blocks, pools, which pages are worth it.
#include "os/remapping.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>

#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

enum class Answer { kUnknown, kYes, kNo };

// Relaxed: the answer guards no other memory, and threads that ask at once find the same.
std::atomic<Answer> answer{Answer::kUnknown};
std::atomic<int> stopped_with{0};

void* pointer(std::uintptr_t address) noexcept { return reinterpret_cast<void*>(address); }

int map_at(std::uintptr_t address, std::size_t bytes, int flag) noexcept {
    void* mapped = counted_calls().map(pointer(address), bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | flag);
    if (mapped == pointer(address)) return 0;
    if (mapped == MAP_FAILED) return errno;
    release(reinterpret_cast<std::uintptr_t>(mapped), bytes);  // a kernel that took the address for a hint
    return EEXIST;
}

/// Moves a page and looks at both ends.
bool try_it() noexcept {
    const std::size_t page = page_bytes();
    const std::uintptr_t from = reserve(4 * page, page);
    if (from == 0) return false;
    const std::uintptr_t to = from + 2 * page;
    if (commit(from, 4 * page) != 0) {
        release(from, 4 * page);
        return false;
    }
    volatile char& source = *reinterpret_cast<volatile char*>(from);
    const volatile char& target = *reinterpret_cast<volatile char*>(to);
    constexpr char kMark = 'x';
    source = kMark;
    const int error = remap(from, to, page);
    unsigned char present = 0;
    const bool stands = counted_calls().resident(pointer(from), page, &present) == 0;
    const bool moved = error == 0 && stands && source == 0 && target == kMark;
    // After another failure someone else may have mapped memory at these addresses: they are left alone.
    if (error == 0 || error == EINVAL || error == ENOSYS) release(from, 4 * page);
    return moved;
}

}  // namespace

bool can_remap() noexcept {
    if (answer.load(std::memory_order_relaxed) == Answer::kUnknown) {
        const Answer found = try_it() ? Answer::kYes : Answer::kNo;
        Answer unknown = Answer::kUnknown;  // stop_remapping() may have been faster
        answer.compare_exchange_strong(unknown, found, std::memory_order_relaxed);
    }
    return answer.load(std::memory_order_relaxed) == Answer::kYes;
}

void stop_remapping(int error) noexcept {
    stopped_with.store(error, std::memory_order_relaxed);
    answer.store(Answer::kNo, std::memory_order_relaxed);
}

int remapping_error() noexcept { return stopped_with.load(std::memory_order_relaxed); }

void forget_remapping() noexcept {
    answer.store(Answer::kUnknown, std::memory_order_relaxed);
    stopped_with.store(0, std::memory_order_relaxed);
}

int remap(std::uintptr_t from, std::uintptr_t to, std::size_t bytes) noexcept {
    return counted_calls().remap(pointer(from), bytes, pointer(to)) == pointer(to) ? 0 : errno;
}

int map_anew(std::uintptr_t address, std::size_t bytes) noexcept { return map_at(address, bytes, MAP_FIXED); }

int map_if_free(std::uintptr_t address, std::size_t bytes) noexcept {
    return map_at(address, bytes, MAP_FIXED_NOREPLACE);
}

}  // namespace numapool::os
