// Owns: whether what is asked for can work.
// Must not know: how the system was examined.
#include "watch/asked_findings.h"

#include <algorithm>
#include <cerrno>

#include "watch/memory_findings.h"
#include "watch/policy_findings.h"
#include "watch/wording.h"

namespace numapool::watch {
namespace {

// As it is typed: "bind strict", "NUMAPOOL_BIND=strict".
std::string asked_subject(const char* option, const std::string& variable, const std::string& value) {
    return variable.empty() ? std::string(option) + ' ' + value : variable + '=' + value;
}

Finding asked(std::string subject, FindingState state, std::string found, std::string remedy = "") {
    return {std::move(subject), state, std::move(found), std::move(remedy), true};
}

bool works(const Outcome& outcome) { return outcome && *outcome == 0; }

std::string remedy_of_mbind(const Examination& seen, const NodeTrial& trial) {
    return trial.mbind ? policy_call_remedy(*trial.mbind, seen.kernel.numa) : "";
}

std::string text_of(const Outcome& outcome) { return outcome ? error_text(*outcome) : "not tried"; }

/// Why no page can be had on a node, whatever the calls say; "" if one can.
Finding node_obstacle(const Examination& seen, int id) {
    const NumaNode* const node = seen.topology.find(id);
    const std::string name = "node " + std::to_string(id);
    Finding finding = asked(name, FindingState::kCannot, "");
    if (node == nullptr) {
        std::vector<int> ids;
        for (const NumaNode& each : seen.topology.nodes) ids.push_back(each.id);
        finding.found = "there is no such node; this machine has " + nodes_text(ids);
        finding.remedy = "name " + nodes_text(seen.nodes);
    } else if (!node->allowed) {
        finding.found = "it is outside this process's cpuset, which allows " + nodes_text(seen.nodes);
        finding.remedy = "docker run --cpuset-mems with " + name + ", or name " + nodes_text(seen.nodes);
    } else if (seen.find_trial(id) == nullptr) {
        finding.found = "it has no memory; " + nodes_text(seen.nodes) + " have";
        finding.remedy = "name " + nodes_text(seen.nodes);
    }
    return finding;
}

Finding find_node(const Examination& seen, int id) {
    Finding obstacle = node_obstacle(seen, id);
    if (!obstacle.found.empty()) return obstacle;
    const std::string name = "node " + std::to_string(id);
    const NodeTrial& trial = *seen.find_trial(id);
    if (trial.lies_on >= 0 && trial.lies_on != id && works(trial.mbind)) {
        return asked(
            name, FindingState::kCannot,
            "a page preferred there lies on node " + std::to_string(trial.lies_on) + ": the node is full",
            "free memory on " + name + "; numastat -m shows what holds it");
    }
    if (works(trial.mbind) || seen.one_node()) {
        return asked(name, FindingState::kGood,
                     trial.lies_on == id ? "a page asked for there lies there"
                                         : "a page was asked for there; where it lies cannot be looked up");
    }
    const std::string why = "mbind: " + text_of(trial.mbind);
    const std::string remedy = remedy_of_mbind(seen, trial);
    if (works(trial.set_affinity)) {
        return asked(name, FindingState::kLimited,
                     why + "; only memory that a thread on its CPUs touches first lies there",
                     (remedy.empty() ? "" : remedy + "; or ") + "bind the threads that touch memory first");
    }
    return asked(name, FindingState::kCannot, why + ", and no thread can be bound to its CPUs", remedy);
}

Finding find_strict(const Examination& seen, const Wishes& wishes, const std::string& subject) {
    for (const int id : wishes.nodes.empty() ? seen.nodes : wishes.nodes) {
        const NodeTrial* const trial = seen.find_trial(id);
        const std::string name = "node " + std::to_string(id);
        if (trial == nullptr)
            return asked(subject, FindingState::kCannot, "there is no memory to be had on " + name);
        if (!works(trial->move_pages) && !works(trial->get_mempolicy)) {
            return asked(
                subject, FindingState::kCannot,
                "pages cannot be looked up (move_pages: " + text_of(trial->move_pages) +
                    ", get_mempolicy: " + text_of(trial->get_mempolicy) + "), so strict requests fail",
                trial->get_mempolicy ? policy_call_remedy(*trial->get_mempolicy, seen.kernel.numa) : "");
        }
        if (!works(trial->mbind) && !seen.one_node()) {
            return asked(subject, FindingState::kCannot,
                         "mbind: " + text_of(trial->mbind) + "; strict requests for " + name +
                             " fail unless its pages happen to lie there",
                         remedy_of_mbind(seen, *trial));
        }
        if (trial->lies_on != id) {
            return asked(subject, FindingState::kCannot,
                         "a page asked for on " + name + " lies on node " + std::to_string(trial->lies_on),
                         "free memory on " + name + "; numastat -m shows what holds it");
        }
    }
    if (seen.nodes.empty())
        return asked(subject, FindingState::kCannot, "this process may use no node with memory");
    return asked(subject, FindingState::kGood, "pages asked for on each node were looked up and lie there");
}

Finding find_bind(const Examination& seen, const Wishes& wishes, const Asked<BindMode>& wish) {
    const std::string subject = asked_subject("bind", wish.variable, to_string(wish.value));
    if (wish.value == BindMode::kStrict) return find_strict(seen, wishes, subject);
    if (wish.value == BindMode::kNone) return asked(subject, FindingState::kGood, "needs nothing");
    for (const NodeTrial& trial : seen.policies.nodes) {
        if (works(trial.mbind) || seen.one_node()) continue;
        return asked(subject, FindingState::kLimited,
                     "mbind: " + text_of(trial.mbind) +
                         "; requests are served by first touch, and counted as fallbacks",
                     remedy_of_mbind(seen, trial));
    }
    return asked(subject, FindingState::kGood, "policies can be set");
}

Finding find_huge(const Examination& seen, const Asked<HugePages>& wish) {
    const std::string subject = asked_subject("huge pages", wish.variable, to_string(wish.value));
    Finding obstacle = huge_page_obstacle(seen);
    if (wish.value == HugePages::kNever) {
        return asked(
            subject, FindingState::kGood,
            obstacle.found.empty() ? "pools rule them out for their memory" : "there are none anyway");
    }
    if (obstacle.found.empty()) {
        const bool came = seen.memory.huge_faults >= 0 && seen.memory.huge_faults <= 1;
        return asked(subject, FindingState::kGood,
                     came ? "one came when asked for"
                          : "they can be asked for; whether one comes depends on free memory");
    }
    const bool must = wish.value == HugePages::kAlways;
    return asked(subject, must ? FindingState::kCannot : FindingState::kLimited, obstacle.found,
                 obstacle.remedy);
}

Finding find_max_bytes(const Examination& seen, const Asked<std::size_t>& wish) {
    const std::string subject = asked_subject("max_bytes", wish.variable, bytes_text(wish.value));
    const KernelSettings& kernel = seen.kernel;
    const auto cannot = [&](const std::string& found, const std::string& remedy) {
        return asked(subject, FindingState::kCannot, found, remedy);
    };
    const std::uint64_t swap = kernel.swap_bytes.value_or(0);
    if (const auto limit = seen.limit.limit_bytes; limit && *limit < wish.value) {
        // How much swap the group may use does not show from inside every container.
        return asked(
            subject, swap == 0 ? FindingState::kCannot : FindingState::kLimited,
            "the control group allows " + bytes_text(*limit) +
                (swap == 0 ? "; the process would be killed first" : "; the rest must be swapped out"),
            "docker run --memory " + std::to_string(wish.value) + " or more, or a lower max_bytes");
    }
    if (const auto limit = kernel.address_limit_bytes; limit && *limit < wish.value)
        return cannot("RLIMIT_AS is " + bytes_text(*limit), "ulimit -v unlimited");
    if (kernel.memory_bytes && *kernel.memory_bytes + swap < wish.value) {
        return cannot("the machine has " + bytes_text(*kernel.memory_bytes) + " of memory and " +
                          bytes_text(swap) + " of swap",
                      "a lower max_bytes");
    }
    const bool strict = kernel.overcommit == 2U && kernel.commit_limit_bytes;
    if (strict && *kernel.commit_limit_bytes < wish.value) {
        return cannot(
            "vm.overcommit_memory=2 lets all processes commit " + bytes_text(*kernel.commit_limit_bytes),
            "sysctl -w vm.overcommit_memory=0, or raise vm.overcommit_ratio (root)");
    }
    std::uint64_t now = kernel.available_bytes.value_or(~std::uint64_t{0});
    if (strict)
        now = std::min(now, *kernel.commit_limit_bytes -
                                std::min(*kernel.commit_limit_bytes, kernel.committed_bytes.value_or(0)));
    if (now < wish.value) {
        return asked(subject, FindingState::kLimited, "at the moment " + bytes_text(now) + " can be had",
                     "end other programs first, or a lower max_bytes");
    }
    return asked(subject, FindingState::kGood, "can be held");
}

// Pools that allocate plainly place nothing and ask for nothing.
Finding undone(std::string subject) {
    return asked(std::move(subject), FindingState::kCannot, "NUMAPOOL_DISABLE=1: pools allocate plainly",
                 "unset NUMAPOOL_DISABLE");
}

}  // namespace

void add_asked_findings(const Examination& seen, const Wishes& wishes, std::vector<Finding>& findings) {
    const bool off = wishes.disabled;
    if (off) {
        findings.push_back(asked("NUMAPOOL_DISABLE=1", FindingState::kNote,
                                 "pools allocate plainly: nothing is reused, placed or bounded by max_bytes",
                                 "unset NUMAPOOL_DISABLE"));
    }
    for (const int node : wishes.nodes) {
        findings.push_back(off ? undone("node " + std::to_string(node)) : find_node(seen, node));
    }
    for (const auto& wish : wishes.binds) {
        Finding finding = find_bind(seen, wishes, wish);
        findings.push_back(off && wish.value == BindMode::kStrict ? undone(finding.subject) : finding);
    }
    for (const auto& wish : wishes.huge_pages) {
        Finding finding = find_huge(seen, wish);
        findings.push_back(off && wish.value == HugePages::kAlways ? undone(finding.subject) : finding);
    }
    for (const auto& wish : wishes.max_bytes) findings.push_back(find_max_bytes(seen, wish));
}

}  // namespace numapool::watch
