// Owns: what is told of memory limits, overcommit, address space and swap.
// Must not know: how any of it was learnt.
#include "watch/memory_findings.h"

#include <algorithm>
#include <string>

#include "watch/wording.h"

namespace numapool::watch {
namespace {

std::string group_text(const pressure::MemoryLimit& limit) {
    return "control group " + limit.group + ", version " + std::to_string(limit.version);
}

Finding find_memory_limit(const Examination& seen) {
    const pressure::MemoryLimit& limit = seen.limit;
    const std::uint64_t machine = seen.kernel.memory_bytes.value_or(0);
    std::string has = bytes_text(machine) + " of memory";
    if (seen.kernel.available_bytes) has += ", " + bytes_text(*seen.kernel.available_bytes) + " available";
    const std::uint64_t hard = limit.limit_bytes.value_or(~std::uint64_t{0});
    const std::uint64_t least = std::min(hard, limit.high_bytes.value_or(~std::uint64_t{0}));
    if (least == ~std::uint64_t{0} || (machine != 0 && least >= machine))
        return {"memory limit", FindingState::kGood, "none below the machine's own; " + has, ""};
    std::string found;
    if (limit.limit_bytes) found = bytes_text(hard) + ", beyond which the process is killed";
    if (limit.high_bytes && *limit.high_bytes < hard) {
        found +=
            (found.empty() ? "" : "; ") + bytes_text(*limit.high_bytes) + ", from which it is slowed down";
    }
    if (!limit.group.empty()) found += " (" + group_text(limit) + ")";
    if (limit.used_bytes) found += "; " + bytes_text(*limit.used_bytes) + " used, page cache included";
    return {"memory limit", FindingState::kLimited, found + "; the machine has " + has,
            "bound pools below it: NUMAPOOL_MAX_BYTES=" + std::to_string((least >> 20) / 4 * 3) +
                "M; or raise it: docker run --memory, Kubernetes resources.limits.memory"};
}

Finding find_overcommit(const KernelSettings& kernel) {
    if (!kernel.overcommit)
        return {"overcommit", FindingState::kNote, "vm.overcommit_memory cannot be read", ""};
    if (*kernel.overcommit == 0) {
        return {"overcommit", FindingState::kGood,
                "heuristic (vm.overcommit_memory=0): what could never be backed is refused", ""};
    }
    if (*kernel.overcommit == 1) {
        return {"overcommit", FindingState::kNote,
                "always (vm.overcommit_memory=1): no request is refused; who touches too much is killed",
                "sysctl -w vm.overcommit_memory=0 (root), to have errors instead"};
    }
    const std::uint64_t limit = kernel.commit_limit_bytes.value_or(0);
    const std::uint64_t used = kernel.committed_bytes.value_or(0);
    return {"overcommit", FindingState::kLimited,
            "strict (vm.overcommit_memory=2): " + bytes_text(used) + " of " + bytes_text(limit) +
                " committed by all processes, " + bytes_text(limit - std::min(limit, used)) +
                " left; idle memory of pools counts",
            "sysctl -w vm.overcommit_memory=0, or raise vm.overcommit_ratio (now " +
                (kernel.overcommit_ratio ? std::to_string(*kernel.overcommit_ratio) : "unknown") + "; root)"};
}

Finding find_address_space(const Examination& seen) {
    const MemoryProbe& memory = seen.memory;
    const auto& limit = seen.kernel.address_limit_bytes;
    const std::string bound = limit ? "RLIMIT_AS is " + bytes_text(*limit) : "no RLIMIT_AS";
    if (memory.reserved_bytes == memory.wanted_bytes) {
        return {"address space", FindingState::kGood,
                bytes_text(memory.wanted_bytes) + " reserved at once; " + bound, ""};
    }
    return {
        "address space", memory.reserved_bytes == 0 ? FindingState::kCannot : FindingState::kLimited,
        bytes_text(memory.wanted_bytes) + " at once are refused, " +
            (memory.reserved_bytes == 0 ? "and less too" : bytes_text(memory.reserved_bytes) + " are not") +
            "; " + bound + "; pools reserve smaller ranges",
        limit ? "ulimit -v unlimited" : ""};
}

Finding find_maps(const KernelSettings& kernel) {
    if (!kernel.most_maps || !kernel.maps)
        return {"maps", FindingState::kNote, "vm.max_map_count or /proc/self/maps cannot be read", ""};
    const std::string found =
        std::to_string(*kernel.maps) + " of " + std::to_string(*kernel.most_maps) + " (vm.max_map_count)";
    if (*kernel.maps < *kernel.most_maps / 5 * 4) return {"maps", FindingState::kGood, found, ""};
    return {"maps", FindingState::kLimited, found + "; memory is refused beyond it, however much is free",
            "sysctl -w vm.max_map_count=" +
                std::to_string(std::max<std::uint64_t>(262144, *kernel.most_maps * 4)) + " (root)"};
}

Finding find_swap(const KernelSettings& kernel) {
    if (kernel.swap_bytes.value_or(0) == 0) return {"swap", FindingState::kGood, "none", ""};
    return {"swap", FindingState::kNote,
            bytes_text(*kernel.swap_bytes) + ", " + bytes_text(kernel.swap_free_bytes.value_or(0)) +
                " free; pages swapped out are on no node and may come back on another",
            ""};
}

}  // namespace

void add_memory_findings(const Examination& seen, std::vector<Finding>& findings) {
    findings.push_back(find_memory_limit(seen));
    findings.push_back(find_overcommit(seen.kernel));
    findings.push_back(find_address_space(seen));
    findings.push_back(find_maps(seen.kernel));
    findings.push_back(find_swap(seen.kernel));
}

}  // namespace numapool::watch
