// Owns: what `numapool prove` found out, as JSON to share.
// Must not know: how anything was measured.
#pragma once

#include <string>

#include "prove_report.h"

namespace numapool_cli {

std::string prove_json(const ProveReport& report);

}  // namespace numapool_cli
