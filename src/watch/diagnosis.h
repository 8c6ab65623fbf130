// Owns: putting a diagnosis together.
// Must not know: what any finding says.
#pragma once

#include <string>

#include "numapool/diagnosis.h"
#include "numapool/topology.h"

namespace numapool::watch {

/// As numapool::diagnose(), for the files below `root` and the nodes of `topology`.
Diagnosis diagnose(const std::string& root, const Topology& topology, const DiagnosisRequest& request);

}  // namespace numapool::watch
