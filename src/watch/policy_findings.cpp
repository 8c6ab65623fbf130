// Owns: what is told of the calls that place memory and threads, and what a pool does without them.
// Must not know: how they were tried.
#include "watch/policy_findings.h"

#include <cerrno>
#include <string>

#include "watch/wording.h"

namespace numapool::watch {
namespace {

// One call over all nodes.
struct Tally {
    std::vector<int> worked;
    std::vector<int> refused;
    int error = 0;  // of the first refusal
};

Tally tally(const PolicyProbe& probe, Outcome NodeTrial::* call) {
    Tally result;
    for (const NodeTrial& trial : probe.nodes) {
        const Outcome& outcome = trial.*call;
        if (!outcome) continue;
        (*outcome == 0 ? result.worked : result.refused).push_back(trial.node);
        if (*outcome != 0 && result.error == 0) result.error = *outcome;
    }
    return result;
}

bool is_forbidden(int error) { return error == EPERM || error == EACCES || error == ENOSYS; }

Finding not_tried(const std::string& subject, const Examination& seen) {
    std::string why = "no page could be mapped for it";
    if (seen.policies.thread.value_or(0) != 0)
        why = "no thread could be started for it: " + error_text(*seen.policies.thread);
    else if (seen.nodes.empty())
        why = "this process may use no node with memory";
    return {subject, FindingState::kNote, "not tried; " + why, ""};
}

Finding refusal(const Tally& calls, const std::string& subject, const std::string& without,
                const std::string& remedy) {
    const std::string where = calls.worked.empty() ? "" : " for " + nodes_text(calls.refused);
    return {subject, calls.worked.empty() ? FindingState::kCannot : FindingState::kLimited,
            "refused" + where + ": " + error_text(calls.error) + "; " + without, remedy};
}

Finding find_mbind(const Examination& seen) {
    const Tally calls = tally(seen.policies, &NodeTrial::mbind);
    if (calls.error != 0) {
        return refusal(calls, "mbind",
                       seen.one_node() ? "with one node nothing is lost"
                                       : "memory lies where its first toucher runs (bind that thread to the "
                                         "node's CPUs); strict requests for other nodes fail",
                       policy_call_remedy(calls.error, seen.kernel.numa));
    }
    if (calls.worked.empty()) return not_tried("mbind", seen);
    std::vector<int> missed;
    std::string where;
    for (const NodeTrial& trial : seen.policies.nodes) {
        if (trial.lies_on < 0 || trial.lies_on == trial.node) continue;
        missed.push_back(trial.node);
        const NumaNode* const node = seen.topology.find(trial.node);
        where += (where.empty() ? "" : "; ") + ("a page preferred on node " + std::to_string(trial.node)) +
                 " (" + bytes_text(node != nullptr ? node->free_bytes : 0) + " free) lies on node " +
                 std::to_string(trial.lies_on);
    }
    if (!missed.empty()) {
        return {"mbind", FindingState::kLimited, where,
                "free memory on " + nodes_text(missed) +
                    ": numastat -m shows what holds it, and echo 1 > /proc/sys/vm/drop_caches (root) empties "
                    "caches"};
    }
    const bool seen_there = seen.policies.nodes.front().lies_on >= 0;
    return {"mbind", FindingState::kGood,
            "a page preferred on " + std::string(calls.worked.size() == 1 ? "" : "each of ") +
                nodes_text(calls.worked) +
                (seen_there ? " lies there" : "; where it lies cannot be looked up"),
            ""};
}

Finding find_move_pages(const Examination& seen) {
    const Tally calls = tally(seen.policies, &NodeTrial::move_pages);
    const Tally second = tally(seen.policies, &NodeTrial::get_mempolicy);
    if (calls.error == 0) {
        if (calls.worked.empty()) return not_tried("move_pages", seen);
        return {"move_pages", FindingState::kGood, "tells where pages lie, on " + nodes_text(calls.worked),
                ""};
    }
    const bool replaced = second.error == 0 && is_forbidden(calls.error);
    std::string remedy =
        "docker run --security-opt seccomp=FILE with a profile that allows move_pages (Docker's own does "
        "not, "
        "with SYS_NICE either); Kubernetes: a Localhost seccompProfile";
    if (calls.error == ENOSYS && !seen.kernel.numa) remedy = "boot a kernel built with CONFIG_NUMA=y";
    Finding finding = refusal(calls, "move_pages",
                              replaced ? "get_mempolicy answers instead, one call for each page"
                                       : "where() tells \"unknown\" and strict requests fail",
                              remedy);
    if (replaced) finding.state = FindingState::kLimited;
    return finding;
}

Finding find_get_mempolicy(const Examination& seen) {
    const Tally calls = tally(seen.policies, &NodeTrial::get_mempolicy);
    if (calls.error == 0) {
        if (calls.worked.empty()) return not_tried("get_mempolicy", seen);
        return {"get_mempolicy", FindingState::kGood,
                "tells where pages lie, on " + nodes_text(calls.worked) + ", and the thread's policy", ""};
    }
    return refusal(calls, "get_mempolicy", "there is no second way to look pages up",
                   policy_call_remedy(calls.error, seen.kernel.numa));
}

Finding find_set_mempolicy(const Examination& seen) {
    const Tally calls = tally(seen.policies, &NodeTrial::set_mempolicy);
    if (calls.error == 0) {
        if (calls.worked.empty()) return not_tried("set_mempolicy", seen);
        return {"set_mempolicy", FindingState::kGood, "a thread can prefer " + nodes_text(calls.worked), ""};
    }
    return refusal(calls, "set_mempolicy", "memory outside pools lies where its first toucher runs",
                   policy_call_remedy(calls.error, seen.kernel.numa));
}

Finding find_thread_binding(const Examination& seen) {
    const Tally calls = tally(seen.policies, &NodeTrial::set_affinity);
    std::vector<int> without;
    for (const int id : seen.nodes) {
        const NumaNode* const node = seen.topology.find(id);
        if (node != nullptr && node->cpus.empty()) without.push_back(id);
    }
    const std::string none =
        without.empty() ? "" : "; " + nodes_text(without) + " without CPUs that this process may use";
    if (calls.error != 0) {
        Finding finding = refusal(
            calls, "thread binding", "threads stay where the scheduler puts them",
            calls.error == EINVAL
                ? "give the container CPUs of " + nodes_text(calls.refused) + " (docker run --cpuset-cpus)"
                : "allow sched_setaffinity in the seccomp profile");
        finding.found += none;
        return finding;
    }
    if (calls.worked.empty() && without.empty()) return not_tried("thread binding", seen);
    if (calls.worked.empty()) return {"thread binding", FindingState::kCannot, none.substr(2), ""};
    return {"thread binding", FindingState::kGood,
            "sched_setaffinity to the CPUs of " + nodes_text(calls.worked) + none, ""};
}

}  // namespace

std::string policy_call_remedy(int error, bool numa) {
    if (error == ENOSYS && !numa) return "boot a kernel built with CONFIG_NUMA=y";
    if (error == EINVAL) return "use nodes that /sys/devices/system/node/has_memory lists";
    if (!is_forbidden(error)) return "";
    // One text for the three calls, so that a screen can name it once.
    return "docker run --cap-add SYS_NICE, or --security-opt seccomp=FILE with a profile that allows mbind, "
           "get_mempolicy and set_mempolicy; Kubernetes: securityContext.capabilities.add: [\"SYS_NICE\"]";
}

void add_policy_findings(const Examination& seen, std::vector<Finding>& findings) {
    findings.push_back(find_mbind(seen));
    findings.push_back(find_move_pages(seen));
    findings.push_back(find_get_mempolicy(seen));
    findings.push_back(find_set_mempolicy(seen));
    findings.push_back(find_thread_binding(seen));
}

}  // namespace numapool::watch
