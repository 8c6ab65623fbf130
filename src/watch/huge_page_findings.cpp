// Owns: what is told of transparent and of reserved huge pages.
// Must not know: how any of it was learnt.
#include <string>

#include "watch/memory_findings.h"
#include "watch/wording.h"

namespace numapool::watch {
namespace {

Finding find_huge_pages(const Examination& seen) {
    Finding obstacle = huge_page_obstacle(seen);
    if (!obstacle.found.empty()) {
        obstacle.state = FindingState::kLimited;
        obstacle.found += "; pools use small pages";
        return obstacle;
    }
    const KernelSettings& kernel = seen.kernel;
    std::string found = kernel.huge_page_mode + ", " + bytes_text(kernel.huge_page_bytes);
    if (!kernel.huge_page_defrag.empty()) found += ", defrag " + kernel.huge_page_defrag;
    if (seen.memory.huge_faults < 0) return {"huge pages", FindingState::kGood, found + "; not tried", ""};
    if (seen.memory.huge_faults <= 1) {
        return {"huge pages", FindingState::kGood, found + "; one came when asked for", ""};
    }
    return {"huge pages", FindingState::kLimited,
            found + "; none came when asked for (" + std::to_string(seen.memory.huge_faults) +
                " page faults instead of 1): free memory is in small pieces",
            "echo 1 > /proc/sys/vm/compact_memory (root), or " +
                std::string(kernel.huge_page_defrag == "never" ? "set defrag to madvise" : "free memory")};
}

Finding find_reserved(const Examination& seen) {
    if (seen.kernel.reserved.empty()) {
        return {"hugetlb", FindingState::kGood, "no reserved huge pages; pools use transparent ones only",
                ""};
    }
    std::string list;
    for (const ReservedHugePages& pages : seen.kernel.reserved) {
        list += list.empty() ? "" : "; ";
        if (pages.node >= 0) list += "node " + std::to_string(pages.node) + ": ";
        list += std::to_string(pages.free) + " of " + std::to_string(pages.total) + " free of " +
                bytes_text(pages.page_bytes);
    }
    return {"hugetlb", FindingState::kNote,
            list + "; pools use transparent ones only and cannot have this memory",
            "sysctl -w vm.nr_hugepages=0 (root), if no other program needs them"};
}

}  // namespace

Finding huge_page_obstacle(const Examination& seen) {
    const KernelSettings& kernel = seen.kernel;
    Finding finding{"huge pages", FindingState::kCannot, "", ""};
    if (kernel.huge_page_mode == "unavailable") {
        finding.found =
            "the kernel offers no transparent huge pages (no /sys/kernel/mm/transparent_hugepage)";
        finding.remedy = "boot a kernel built with CONFIG_TRANSPARENT_HUGEPAGE=y, and mount /sys";
    } else if (kernel.huge_page_mode == "never") {
        finding.found = "transparent huge pages are switched off (\"never\")";
        finding.remedy = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (root, on the host)";
    } else if (kernel.huge_pages_off_for_process) {
        finding.found = "transparent huge pages are switched off for this process (prctl PR_SET_THP_DISABLE)";
        finding.remedy = "start it from a parent that does not switch them off";
    } else if (seen.memory.huge_advice.value_or(0) != 0) {
        finding.found =
            "madvise says " + error_text(*seen.memory.huge_advice) + " when huge pages are asked for";
        finding.remedy = "boot a kernel built with CONFIG_TRANSPARENT_HUGEPAGE=y";
    }
    return finding;
}

void add_huge_page_findings(const Examination& seen, std::vector<Finding>& findings) {
    findings.push_back(find_huge_pages(seen));
    findings.push_back(find_reserved(seen));
}

}  // namespace numapool::watch
