// Owns: `numapool prove`: its flags, the order of its parts and their shares of the time.
// Must not know: how anything is measured or shown.
#pragma once

#include <CLI/CLI.hpp>

namespace numapool_cli {

/// Adds the command to `app`. When it runs it sets `status`: 1 if pages lie elsewhere than asked for and the
/// pool does not tell, else 0; `status` must live until then. It throws numapool::ArgumentError for nodes
/// that cannot be used.
void add_prove_command(CLI::App& app, int& status);

}  // namespace numapool_cli
