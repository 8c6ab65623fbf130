// Owns: asking the kernel page by page.
// Must not know: pools.
#include "numapool/page_map.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/bits.h"
#include "os/memory_policy.h"
#include "os/virtual_memory.h"

namespace numapool {

PageMap where(const void* address, std::size_t bytes) {
    PageMap map;
    const std::size_t page = os::page_bytes();
    map.page_bytes = page;
    if (bytes == 0) return map;
    const auto first = reinterpret_cast<std::uintptr_t>(address);
    constexpr std::uintptr_t kEnd = std::numeric_limits<std::uintptr_t>::max();
    if (first > kEnd - page || bytes > kEnd - page - first) {
        throw ArgumentError(ErrorCode::kInvalidSize, std::to_string(bytes) + " bytes from address " +
                                                         std::to_string(first) +
                                                         " pass the end of the address space");
    }
    const std::uintptr_t end = base::align_up(first + bytes, page);
    std::array<void*, 1024> pages{};
    std::array<int, 1024> nodes{};
    for (std::uintptr_t at = base::align_down(first, page); at < end;) {
        std::size_t count = 0;
        for (; count < pages.size() && at < end; at += page) pages[count++] = reinterpret_cast<void*>(at);
        if (os::locate_pages({pages.data(), count}, {nodes.data(), count}) != 0) {
            map.unknown += count;
            continue;
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (nodes[i] >= 0) {
                ++map.pages_on[nodes[i]];
            } else if (nodes[i] == -ENOENT || nodes[i] == -EFAULT) {
                ++map.absent;
            } else {
                ++map.unknown;
            }
        }
    }
    return map;
}

std::string to_string(const PageMap& map) {
    std::string text = "{";
    const auto add = [&](const std::string& label, std::uint64_t pages) {
        if (pages == 0) return;
        text += (text.size() == 1 ? "" : ", ") + label + ": " + std::to_string(pages) +
                (pages == 1 ? " page" : " pages");
    };
    for (const auto& [node, pages] : map.pages_on) add(std::to_string(node), pages);
    add("absent", map.absent);
    add("unknown", map.unknown);
    return text + "}";
}

}  // namespace numapool
