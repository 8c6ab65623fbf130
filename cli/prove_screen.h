// Owns: what `numapool prove` puts on the screen, part by part.
// Must not know: how anything was measured.
#pragma once

#include <string>

#include "prove_report.h"

namespace numapool_cli {

std::string machine_screen(const ProveReport& report);
std::string pages_screen(const ProveReport& report);
std::string speed_screen(const ProveReport& report);
std::string reuse_screen(const ProveReport& report);
/// The library's messages and the verdict.
std::string verdict_screen(const ProveReport& report);

}  // namespace numapool_cli
