// Owns: `numapool topology`.
// Must not know: how a topology is learnt.
#pragma once

#include <CLI/CLI.hpp>

namespace numapool_cli {

/// Adds the command to `app`. When it runs it throws numapool::ArgumentError for a description that cannot be
/// read.
void add_topology_command(CLI::App& app);

}  // namespace numapool_cli
