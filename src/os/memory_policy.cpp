// Owns: the calls behind memory_policy.h.
// Must not know: arenas, topology.
#include "os/memory_policy.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <unistd.h>

#include <cerrno>

#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::os {
namespace {

// One bit more than the mask: the kernel reads one less than it is told.
constexpr unsigned long kMaskBits = NodeMask::kMaxNodes + 1;

constexpr int kWeightedInterleave = 6;  // since Linux 6.9; headers of Debian 12 lack the name

int error_of(long result) noexcept { return result == 0 ? 0 : errno; }

int bind(std::uintptr_t address, std::size_t bytes, int mode, const NodeMask& nodes,
         Present present) noexcept {
    return error_of(counted_calls().bind(reinterpret_cast<void*>(address), bytes, mode, nodes.words(),
                                         kMaskBits, present == Present::kMove ? MPOL_MF_MOVE : 0));
}

/// The kernel's record of which pages this process has in its own page table. mincore is not enough: of a
/// file it tells what is cached for anyone.
class OwnPages {
public:
    OwnPages() noexcept : file_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
    OwnPages(const OwnPages&) = delete;
    OwnPages& operator=(const OwnPages&) = delete;
    ~OwnPages() {
        if (file_ >= 0) ::close(file_);
    }
    bool readable() const noexcept { return file_ >= 0; }
    bool have(const void* page) const noexcept {
        constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
        std::uint64_t entry = 0;
        const auto number = reinterpret_cast<std::uintptr_t>(page) / page_bytes();
        const auto offset = static_cast<off_t>(number * sizeof entry);
        return ::pread(file_, &entry, sizeof entry, offset) == sizeof entry && (entry & kPresent) != 0;
    }

private:
    int file_;
};

/// The second way to an answer: one page at a time, and only those that are there.
int locate_by_policy(std::span<void*> pages, std::span<int> nodes) noexcept {
    const SystemCalls& calls = counted_calls();
    const OwnPages own;
    if (!own.readable()) return EACCES;
    for (std::size_t i = 0; i < pages.size(); ++i) {
        unsigned char resident = 0;
        if (calls.resident(pages[i], 1, &resident) != 0) {
            if (errno != ENOMEM) return errno;
            nodes[i] = -EFAULT;
        } else if ((resident & 1) == 0 || !own.have(pages[i])) {
            nodes[i] = -ENOENT;
        } else if (calls.get_policy(&nodes[i], nullptr, 0, pages[i], MPOL_F_NODE | MPOL_F_ADDR) != 0) {
            return errno;
        }
    }
    return 0;
}

}  // namespace

int prefer_node(std::uintptr_t address, std::size_t bytes, int node, Present present) noexcept {
    NodeMask mask;
    mask.add(node);
    return bind(address, bytes, MPOL_PREFERRED | MPOL_F_STATIC_NODES, mask, present);
}

int interleave_nodes(std::uintptr_t address, std::size_t bytes, const NodeMask& nodes,
                     Present present) noexcept {
    return bind(address, bytes, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, nodes, present);
}

int locate_pages(std::span<void*> pages, std::span<int> nodes) noexcept {
    if (counted_calls().locate(pages.size(), pages.data(), nodes.data()) == 0) return 0;
    return errno == EPERM || errno == ENOSYS || errno == EACCES ? locate_by_policy(pages, nodes) : errno;
}

bool ThreadPolicy::confines() const noexcept { return (mode & ~MPOL_MODE_FLAGS) == MPOL_BIND; }

const char* ThreadPolicy::name() const noexcept {
    switch (mode & ~MPOL_MODE_FLAGS) {
        case MPOL_DEFAULT:
            return "default";
        case MPOL_PREFERRED:
            return nodes.empty() ? "localalloc" : "preferred";
        case MPOL_BIND:
            return "membind";
        case MPOL_INTERLEAVE:
            return "interleave";
        case MPOL_LOCAL:
            return "localalloc";
        case MPOL_PREFERRED_MANY:
            return "preferred-many";
        case kWeightedInterleave:
            return "weighted-interleave";
        default:
            return "unknown";
    }
}

int get_thread_policy(ThreadPolicy& policy) noexcept {
    policy = {};
    return error_of(counted_calls().get_policy(&policy.mode, policy.nodes.words(), kMaskBits, nullptr, 0));
}

int set_thread_policy(const ThreadPolicy& policy) noexcept {
    const bool default_policy = policy.nodes.empty();
    return error_of(counted_calls().set_policy(policy.mode, default_policy ? nullptr : policy.nodes.words(),
                                               default_policy ? 0 : kMaskBits));
}

int prefer_node_for_thread(int node) noexcept {
    ThreadPolicy policy{MPOL_PREFERRED, {}};
    policy.nodes.add(node);
    return set_thread_policy(policy);
}

int get_allowed_nodes(NodeMask& nodes) noexcept {
    nodes = {};
    return error_of(
        counted_calls().get_policy(nullptr, nodes.words(), kMaskBits, nullptr, MPOL_F_MEMS_ALLOWED));
}

}  // namespace numapool::os
