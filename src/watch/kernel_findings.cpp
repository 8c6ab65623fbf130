// Owns: what is told of the kernel: what it does to placed memory by itself, and what it offers.
// Must not know: how any of it was learnt.
#include "watch/kernel_findings.h"

#include <string>

namespace numapool::watch {
namespace {

Finding find_balancing(const Examination& seen) {
    const auto& mode = seen.kernel.numa_balancing;
    if (!mode || *mode == 0) {
        return {"numa balancing", FindingState::kGood,
                mode ? "off (kernel.numa_balancing=0): pages stay where they are put" : "not in this kernel",
                ""};
    }
    const std::string found = "on (kernel.numa_balancing=" + std::to_string(*mode) + ")";
    if (seen.one_node())
        return {"numa balancing", FindingState::kGood, found + "; no matter with one node", ""};
    return {
        "numa balancing", FindingState::kNote,
        found +
            ": pages with a policy of their own stay, those placed by first touch alone (bind \"none\", or "
            "mbind refused) are moved to the nodes that use them, at the cost of page faults",
        "sysctl -w kernel.numa_balancing=0 (root), if timings are to be steady"};
}

Finding find_zone_reclaim(const Examination& seen) {
    const auto& mode = seen.kernel.zone_reclaim_mode;
    if (!mode || *mode == 0 || seen.one_node()) {
        return {"zone reclaim", FindingState::kGood,
                mode ? "vm.zone_reclaim_mode=" + std::to_string(*mode) +
                           (*mode == 0 ? ": a full node borrows from others" : "; no matter with one node")
                     : "not in this kernel",
                ""};
    }
    return {"zone reclaim", FindingState::kNote,
            "vm.zone_reclaim_mode=" + std::to_string(*mode) +
                ": a full node frees caches of its own before others are asked, which may stall requests",
            "sysctl -w vm.zone_reclaim_mode=0 (root)"};
}

Finding find_kernel(const Examination& seen) {
    const std::string release = seen.kernel.release.empty() ? "of unknown release" : seen.kernel.release;
    if (seen.node_from_rseq)
        return {"kernel", FindingState::kGood, release + "; the current node is read from rseq (one load)",
                ""};
    return {"kernel", FindingState::kNote,
            release + "; the current node is asked of getcpu, some nanoseconds for each request",
            "Linux 6.3 or newer and glibc 2.35 or newer, with its rseq switched on (glibc.pthread.rseq=1)"};
}

}  // namespace

void add_kernel_findings(const Examination& seen, std::vector<Finding>& findings) {
    findings.push_back(find_balancing(seen));
    findings.push_back(find_zone_reclaim(seen));
    findings.push_back(find_kernel(seen));
}

}  // namespace numapool::watch
