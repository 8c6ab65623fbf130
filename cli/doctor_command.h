// Owns: `numapool doctor`.
// Must not know: how anything is found out.
#pragma once

#include <CLI/CLI.hpp>

namespace numapool_cli {

/// Adds the command to `app`. When it runs it sets `status`, which must live as long: 1 if something asked
/// for cannot work, else 0. It throws numapool::ArgumentError for a variable of the environment that cannot
/// be read.
void add_doctor_command(CLI::App& app, int& status);

}  // namespace numapool_cli
