// Owns: the command `numapool`: its table of contents, and how errors reach the user.
// Must not know: what any command does.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "numapool/errors.h"
#include "numapool/version.h"

#include "doctor_command.h"
#include "options_command.h"
#include "prove_command.h"
#include "python_command.h"
#include "topology_command.h"

namespace numapool_cli {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

bool is_python_command(const CLI::App& app, const std::string& word) {
    const auto named = [&](const CLI::App* command) { return command->check_name(word); };
    return !word.empty() && word.front() != '-' && app.get_subcommands(named).empty();
}

int report(const char* message, int status) {
    fmt::print(stderr, "numapool: {}\n", message);
    return status;
}

int run(int argc, char** argv) {
    CLI::App app("A NUMA-aware memory pool: what it sees of this machine, and how it is set up.", "numapool");
    app.set_version_flag("--version", fmt::format("numapool {}", numapool::version()));
    app.require_subcommand(1);
    add_topology_command(app);
    add_options_command(app);
    int status = 0;
    add_doctor_command(app, status);
    add_prove_command(app, status);
    // After the commands, which would inherit it.
    app.footer("demo, and any other command, is one of the Python package: python3 runs it.");

    if (argc > 1 && is_python_command(app, argv[1])) return run_python_command(argv + 1);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // help or version, asked for
        const auto chosen = app.get_subcommands();
        const std::string command = chosen.empty() ? "" : " " + chosen.front()->get_name();
        fmt::print(stderr, "numapool{}: {}\n\"numapool{} --help\" shows what is possible\n", command,
                   error.what(), command);
        return kUsage;
    } catch (const numapool::ArgumentError& error) {
        return report(error.message(), kUsage);
    } catch (const std::exception& error) {
        return report(error.what(), kFailed);
    }
    return status;
}

}  // namespace
}  // namespace numapool_cli

int main(int argc, char** argv) {
    const int status = numapool_cli::run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        return numapool_cli::report("the output could not be written", numapool_cli::kFailed);
    }
    return status;
}
