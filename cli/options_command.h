// Owns: `numapool options`, and with it the page docs/reference/options.md.
// Must not know: any option; the library describes them.
#pragma once

#include <CLI/CLI.hpp>

namespace numapool_cli {

void add_options_command(CLI::App& app);

}  // namespace numapool_cli
