// Owns: a table of system calls that forwards to the kernel, plays a machine with several nodes, refuses
// calls on demand and counts them. Must not know: what the code under test is for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace numapool::fakes {

enum class Call {
    kMap,
    kUnmap,
    kProtect,
    kAdvise,
    kResident,
    kBind,
    kLocate,
    kSetPolicy,
    kGetPolicy,
    kRemap
};
inline constexpr std::size_t kCalls = 10;

/// One successful bind as the code under test asked for it.
struct BoundRange {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    int mode = 0;  ///< without the kernel's mode flags
    int mode_flags = 0;
    std::vector<int> nodes;
    bool moving = false;  ///< pages that were there already had to move
};

/// One successful MADV_POPULATE_WRITE.
struct PopulatedRange {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::vector<int> cpus;  ///< that the calling thread was allowed to run on, ascending
};

/// In place while it lives; one at a time, and made before threads that use a pool start. What refused unmaps
/// left mapped goes with it, so pools made under it end before it.
///
/// The library tries anew whether pages can be moved when a fake comes and when it goes.
///
/// Binds are recorded and never reach the kernel. A page that is resident lies where the record says: on the
/// preferred node, dealt over interleaved ones, or, without a record, on node 0. Thread safety: any thread,
/// but for the constructor and destructor.
class FakeSystemCalls {
public:
    FakeSystemCalls();
    FakeSystemCalls(const FakeSystemCalls&) = delete;
    FakeSystemCalls& operator=(const FakeSystemCalls&) = delete;
    ~FakeSystemCalls();

    /// The node that the calling thread runs on from now on; 0 at first.
    static void run_on(int node) noexcept;

    /// The policy that the calling thread set for itself last.
    struct Policy {
        int mode = 0;
        std::vector<int> nodes;
    };
    static Policy thread_policy();

    /// The nodes that the process's cpuset allows from now on; all at first.
    static void allow_nodes(const std::vector<int>& nodes);

    /// Refuses `call` with `error`: the `first`-th one from now (1 is the next) and `times` in all.
    static void refuse(Call call, int error, std::uint64_t first = 1, std::uint64_t times = kForever);
    /// Whether a refused remap has unmapped its destination by then, as the kernel may; false at first.
    static void refused_remaps_unmap(bool unmap);
    /// Refuses, with `error`, to take access to pages away; 0 allows it again.
    static void refuse_forbidding(int error);
    /// Whether a refused protection was made for the first half of the pages, as the kernel may; false at
    /// first.
    static void refused_protections_do_half(bool half);
    /// Refuses to map at addresses that are free (MAP_FIXED_NOREPLACE), as if someone else had been faster.
    static void refuse_maps_of_free_addresses();
    /// Refuses maps of more than `bytes`, as RLIMIT_AS does, with ENOMEM.
    static void refuse_maps_above(std::size_t bytes);
    /// Refuses advice of one kind with `error`: the `first`-th one from now and `times` in all.
    static void refuse_advice(int advice, int error, std::uint64_t first = 1, std::uint64_t times = kForever);
    /// What happens, once, while the next such call is on its way: done by the calling thread.
    static void meanwhile(Call call, std::function<void()> happens);
    /// Lets every call through again.
    static void allow_all();
    /// Pages of this node are told to lie on node `instead`, as if the node were full; -1 for none.
    static void fill_node(int node, int instead);

    /// Puts the pages of a range on `node`, wherever their policy has them, until they are moved.
    static void scatter(std::uintptr_t address, std::size_t bytes, int node);

    /// Calls made since the fake was put in place, refused ones too.
    static std::uint64_t count(Call call) noexcept;
    static std::uint64_t refused(Call call) noexcept;
    /// Advice of one kind, of those.
    static std::uint64_t count_advice(int advice) noexcept;
    /// From how many places in the library's code the call was made since then, and from how many of them it
    /// was refused.
    struct Sites {
        std::size_t made = 0;
        std::size_t refused = 0;
    };
    static Sites sites(Call call);
    static std::vector<BoundRange> binds();
    static std::vector<PopulatedRange> populates();

    static constexpr std::uint64_t kForever = ~std::uint64_t{0};
};

}  // namespace numapool::fakes
