// Owns: putting a diagnosis together.
// Must not know: what any finding says.
#include "watch/diagnosis.h"

#include <algorithm>

#include "watch/asked_findings.h"
#include "watch/examination.h"
#include "watch/kernel_findings.h"
#include "watch/memory_findings.h"
#include "watch/node_findings.h"
#include "watch/policy_findings.h"

namespace numapool {
namespace watch {

Diagnosis diagnose(const std::string& root, const Topology& topology, const DiagnosisRequest& request) {
    const Wishes wishes = gather_wishes(request);
    const Examination seen = examine(root, topology);
    Diagnosis diagnosis;
    add_node_findings(seen, diagnosis.findings);
    add_policy_findings(seen, diagnosis.findings);
    add_huge_page_findings(seen, diagnosis.findings);
    add_memory_findings(seen, diagnosis.findings);
    add_kernel_findings(seen, diagnosis.findings);
    add_asked_findings(seen, wishes, diagnosis.findings);
    diagnosis.everything_asked_works = std::none_of(
        diagnosis.findings.begin(), diagnosis.findings.end(),
        [](const Finding& finding) { return finding.asked && finding.state == FindingState::kCannot; });
    return diagnosis;
}

}  // namespace watch

const char* to_string(FindingState state) noexcept {
    switch (state) {
        case FindingState::kGood:
            return "ok";
        case FindingState::kLimited:
            return "limited";
        case FindingState::kCannot:
            return "cannot";
        case FindingState::kNote:
            return "note";
    }
    return "unknown";
}

Diagnosis diagnose(const DiagnosisRequest& request) {
    return watch::diagnose("", discover_topology(), request);
}

}  // namespace numapool
