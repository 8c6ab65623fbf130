// Owns: the table behind fake_system_calls.h.
// Must not know: what the code under test is for.
#include "fakes/fake_system_calls.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "base/bits.h"
#include "os/memory_policy.h"
#include "os/remapping.h"
#include "os/system_calls.h"
#include "os/virtual_memory.h"

namespace numapool::fakes {
namespace {

struct Refusal {
    int error = 0;
    std::uint64_t first = 0;  // of the calls counted since the rule was made
    std::uint64_t times = 0;
    std::uint64_t seen = 0;
};

struct State {
    std::mutex mutex;
    std::array<Refusal, kCalls> refusals{};
    std::array<std::function<void()>, kCalls> meanwhile;
    std::optional<std::size_t> largest_map;
    std::atomic<bool> refused_remaps_unmap{false};
    std::atomic<bool> refused_protections_do_half{false};
    std::atomic<int> forbidding_error{0};
    std::atomic<bool> free_addresses_refused{false};
    int refused_advice = -1;
    Refusal advice_refusal;
    int full_node = -1;
    int instead_of_full = -1;
    std::vector<BoundRange> binds;
    std::vector<PopulatedRange> populates;
    std::vector<int> allowed_nodes;
    std::array<std::atomic<std::uint64_t>, kCalls> counts{};
    std::array<std::atomic<std::uint64_t>, kCalls> refused{};
    std::array<std::map<const void*, bool>, kCalls> sites;  // by return address: whether it was refused there
    std::map<int, std::uint64_t> advice_counts;
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> left_mapped;  // by refused unmaps
};

State& state() {
    static State made;
    return made;
}

thread_local int node_of_thread = 0;
thread_local FakeSystemCalls::Policy policy_of_thread;

std::size_t at(Call call) noexcept { return static_cast<std::size_t>(call); }

/// Counts the call; true, and errno set, if it is to be refused.
bool counted_and_refused(Call call, const void* site, std::size_t bytes = 0, int detail = -1) {
    State& s = state();
    s.counts[at(call)].fetch_add(1);
    std::unique_lock lock(s.mutex);
    if (const auto happens = std::exchange(s.meanwhile[at(call)], nullptr)) {
        lock.unlock();
        happens();
        lock.lock();
    }
    bool& refused_here = s.sites[at(call)][site];
    if (call == Call::kAdvise) ++s.advice_counts[detail];
    const auto refused_by = [](Refusal& rule) {
        ++rule.seen;
        return rule.seen >= rule.first && rule.seen - rule.first < rule.times ? rule.error : 0;
    };
    int error = refused_by(s.refusals[at(call)]);
    if (call == Call::kMap && s.largest_map && bytes > *s.largest_map) error = ENOMEM;
    if (call == Call::kAdvise && detail == s.refused_advice) {
        if (const int refused = refused_by(s.advice_refusal); refused != 0) error = refused;
    }
    if (error == 0) return false;
    refused_here = true;
    s.refused[at(call)].fetch_add(1);
    errno = error;
    return true;
}

void* map(void* address, std::size_t bytes, int protection, int flags) {
    if (counted_and_refused(Call::kMap, __builtin_return_address(0), bytes)) return MAP_FAILED;
    if (state().free_addresses_refused && (flags & MAP_FIXED_NOREPLACE) != 0) {
        errno = EEXIST;
        return MAP_FAILED;
    }
    return os::kKernelCalls.map(address, bytes, protection, flags);
}

/// Takes the addresses out of what refused unmaps left mapped.
void cut_left_mapped(std::uintptr_t begin, std::uintptr_t end) {
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> kept;
    for (const auto& [first, last] : state().left_mapped) {
        if (first < begin) kept.emplace_back(first, std::min(last, begin));
        if (last > end) kept.emplace_back(std::max(first, end), last);
    }
    state().left_mapped = std::move(kept);
}

int unmap(void* address, std::size_t bytes) {
    const bool refused = counted_and_refused(Call::kUnmap, __builtin_return_address(0), bytes);
    const int error = errno;
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    const std::lock_guard lock(state().mutex);
    cut_left_mapped(begin, begin + bytes);
    if (refused) {
        state().left_mapped.emplace_back(begin, begin + bytes);
        errno = error;
        return -1;
    }
    std::erase_if(state().binds,
                  [&](const BoundRange& b) { return b.begin >= begin && b.end <= begin + bytes; });
    return os::kKernelCalls.unmap(address, bytes);
}

int protect(void* address, std::size_t bytes, int protection) {
    if (counted_and_refused(Call::kProtect, __builtin_return_address(0), bytes)) {
        const int error = errno;
        if (state().refused_protections_do_half)
            os::kKernelCalls.protect(address, base::align_up(bytes / 2, os::page_bytes()), protection);
        errno = error;
        return -1;
    }
    if (protection == PROT_NONE && state().forbidding_error != 0) {
        errno = state().forbidding_error;
        return -1;
    }
    return os::kKernelCalls.protect(address, bytes, protection);
}

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(static_cast<int>(cpu));
    }
    return cpus;
}

int advise(void* address, std::size_t bytes, int advice) {
    if (counted_and_refused(Call::kAdvise, __builtin_return_address(0), bytes, advice)) return -1;
    const int result = os::kKernelCalls.advise(address, bytes, advice);
    if (advice == MADV_POPULATE_WRITE && result == 0) {
        const auto begin = reinterpret_cast<std::uintptr_t>(address);
        PopulatedRange range{begin, begin + bytes, allowed_cpus()};
        const std::lock_guard lock(state().mutex);
        state().populates.push_back(std::move(range));
    }
    return result;
}

int resident(void* address, std::size_t bytes, unsigned char* pages) {
    if (counted_and_refused(Call::kResident, __builtin_return_address(0), bytes)) return -1;
    return os::kKernelCalls.resident(address, bytes, pages);
}

void* remap(void* from, std::size_t bytes, void* to) {
    if (!counted_and_refused(Call::kRemap, __builtin_return_address(0), bytes))
        return os::kKernelCalls.remap(from, bytes, to);
    const int error = errno;
    if (state().refused_remaps_unmap) os::kKernelCalls.unmap(to, bytes);
    errno = error;
    return MAP_FAILED;
}

std::vector<int> nodes_in(const unsigned long* mask, unsigned long bits) {
    constexpr unsigned long kWordBits = 8 * sizeof(unsigned long);
    std::vector<int> nodes;
    for (unsigned long bit = 0; bit + 1 < bits; ++bit) {  // the kernel reads one bit less than it is told
        if (mask[bit / kWordBits] >> bit % kWordBits & 1) nodes.push_back(static_cast<int>(bit));
    }
    return nodes;
}

long bind(void* address, std::size_t bytes, int mode, const unsigned long* mask, unsigned long bits,
          unsigned flags) {
    if (counted_and_refused(Call::kBind, __builtin_return_address(0), bytes)) return -1;
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    BoundRange bound{begin,
                     begin + bytes,
                     mode & ~MPOL_MODE_FLAGS,
                     mode & MPOL_MODE_FLAGS,
                     nodes_in(mask, bits),
                     (flags & MPOL_MF_MOVE) != 0};
    if (bound.nodes.empty()) {
        errno = EINVAL;
        return -1;
    }
    const std::lock_guard lock(state().mutex);
    state().binds.push_back(bound);
    return 0;
}

int node_of_page(std::uintptr_t page, std::size_t page_bytes) {
    const std::lock_guard lock(state().mutex);
    int node = 0;
    for (const BoundRange& bound : state().binds) {
        if (page < bound.begin || page >= bound.end) continue;
        node = bound.mode == MPOL_INTERLEAVE ? bound.nodes[page / page_bytes % bound.nodes.size()]
                                             : bound.nodes.front();
    }
    return node == state().full_node ? state().instead_of_full : node;
}

long locate(unsigned long pages, void** addresses, int* nodes) {
    if (counted_and_refused(Call::kLocate, __builtin_return_address(0))) return -1;
    const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    for (unsigned long i = 0; i < pages; ++i) {
        unsigned char present = 0;
        if (os::kKernelCalls.resident(addresses[i], page_bytes, &present) != 0) {
            nodes[i] = -EFAULT;
        } else if ((present & 1) == 0) {
            nodes[i] = -ENOENT;
        } else {
            nodes[i] = node_of_page(reinterpret_cast<std::uintptr_t>(addresses[i]), page_bytes);
        }
    }
    return 0;
}

long set_policy(int mode, const unsigned long* mask, unsigned long bits) {
    if (counted_and_refused(Call::kSetPolicy, __builtin_return_address(0))) return -1;
    policy_of_thread = {mode, mask != nullptr ? nodes_in(mask, bits) : std::vector<int>{}};
    return 0;
}

long get_policy(int* mode, unsigned long* mask, unsigned long, void* address, unsigned long flags) {
    if (counted_and_refused(Call::kGetPolicy, __builtin_return_address(0))) return -1;
    if ((flags & MPOL_F_ADDR) != 0) {
        const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        *mode = node_of_page(reinterpret_cast<std::uintptr_t>(address), page_bytes);
        return 0;
    }
    const std::lock_guard lock(state().mutex);
    const bool of_cpuset = (flags & MPOL_F_MEMS_ALLOWED) != 0;
    if (!of_cpuset) *mode = policy_of_thread.mode;
    for (const int node : of_cpuset ? state().allowed_nodes : policy_of_thread.nodes) {
        mask[node / 64] |= 1UL << node % 64;
    }
    return 0;
}

int node_of_cpu() { return node_of_thread; }

constexpr os::SystemCalls kTable = {map,  unmap,      protect,    advise, resident,   remap,
                                    bind, set_policy, get_policy, locate, node_of_cpu};

}  // namespace

FakeSystemCalls::FakeSystemCalls() {
    allow_all();
    {
        const std::lock_guard lock(state().mutex);
        state().binds.clear();
        state().populates.clear();
        state().sites = {};
        state().advice_counts.clear();
    }
    for (auto& count : state().counts) count = 0;
    for (auto& count : state().refused) count = 0;
    node_of_thread = 0;
    policy_of_thread = {};
    std::vector<int> all(os::NodeMask::kMaxNodes);
    std::iota(all.begin(), all.end(), 0);
    allow_nodes(all);
    os::replace_system_calls(&kTable);
    os::forget_remapping();
}

FakeSystemCalls::~FakeSystemCalls() {
    os::replace_system_calls(nullptr);
    os::forget_remapping();
    const std::lock_guard lock(state().mutex);
    for (const auto& [begin, end] : state().left_mapped)
        os::kKernelCalls.unmap(reinterpret_cast<void*>(begin), end - begin);
    state().left_mapped.clear();
}

void FakeSystemCalls::run_on(int node) noexcept { node_of_thread = node; }

FakeSystemCalls::Policy FakeSystemCalls::thread_policy() { return policy_of_thread; }

void FakeSystemCalls::allow_nodes(const std::vector<int>& nodes) {
    const std::lock_guard lock(state().mutex);
    state().allowed_nodes = nodes;
}

void FakeSystemCalls::meanwhile(Call call, std::function<void()> happens) {
    const std::lock_guard lock(state().mutex);
    state().meanwhile[at(call)] = std::move(happens);
}

void FakeSystemCalls::refuse(Call call, int error, std::uint64_t first, std::uint64_t times) {
    const std::lock_guard lock(state().mutex);
    state().refusals[at(call)] = {error, first, times, 0};
}

void FakeSystemCalls::refused_remaps_unmap(bool unmap) { state().refused_remaps_unmap = unmap; }
void FakeSystemCalls::refuse_forbidding(int error) { state().forbidding_error = error; }
void FakeSystemCalls::refused_protections_do_half(bool half) { state().refused_protections_do_half = half; }

void FakeSystemCalls::refuse_maps_of_free_addresses() { state().free_addresses_refused = true; }

void FakeSystemCalls::refuse_maps_above(std::size_t bytes) {
    const std::lock_guard lock(state().mutex);
    state().largest_map = bytes;
}

void FakeSystemCalls::refuse_advice(int advice, int error, std::uint64_t first, std::uint64_t times) {
    const std::lock_guard lock(state().mutex);
    state().refused_advice = advice;
    state().advice_refusal = {error, first, times, 0};
}

void FakeSystemCalls::allow_all() {
    const std::lock_guard lock(state().mutex);
    state().refusals = {};
    state().meanwhile = {};
    state().refused_remaps_unmap = false;
    state().refused_protections_do_half = false;
    state().forbidding_error = 0;
    state().free_addresses_refused = false;
    state().largest_map.reset();
    state().refused_advice = -1;
    state().full_node = -1;
}

void FakeSystemCalls::scatter(std::uintptr_t address, std::size_t bytes, int node) {
    const std::lock_guard lock(state().mutex);
    state().binds.push_back({address, address + bytes, MPOL_PREFERRED, 0, {node}, false});
}

void FakeSystemCalls::fill_node(int node, int instead) {
    const std::lock_guard lock(state().mutex);
    state().full_node = node;
    state().instead_of_full = instead;
}

std::uint64_t FakeSystemCalls::count(Call call) noexcept { return state().counts[at(call)].load(); }
std::uint64_t FakeSystemCalls::refused(Call call) noexcept { return state().refused[at(call)].load(); }

std::uint64_t FakeSystemCalls::count_advice(int advice) noexcept {
    const std::lock_guard lock(state().mutex);
    return state().advice_counts[advice];
}

FakeSystemCalls::Sites FakeSystemCalls::sites(Call call) {
    const std::lock_guard lock(state().mutex);
    Sites sites;
    for (const auto& [site, refused] : state().sites[at(call)]) {
        ++sites.made;
        sites.refused += refused;
    }
    return sites;
}

std::vector<BoundRange> FakeSystemCalls::binds() {
    const std::lock_guard lock(state().mutex);
    return state().binds;
}

std::vector<PopulatedRange> FakeSystemCalls::populates() {
    const std::lock_guard lock(state().mutex);
    return state().populates;
}

}  // namespace numapool::fakes
