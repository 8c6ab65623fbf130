// Owns: handing a command over to the Python package.
// Must not know: which commands that has.
#include "python_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

namespace numapool_cli {
namespace {

constexpr int kNotFound = 127;
constexpr int kNotRunnable = 126;

}  // namespace

int run_python_command(char** arguments) {
    std::string program = "python3";
    std::string module_flag = "-m";
    std::string module = "numapool";
    std::error_code error;
    const std::filesystem::path own_path = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::string beside = error ? std::string() : (own_path.parent_path() / "python3").string();

    std::vector<char*> words{program.data(), module_flag.data(), module.data()};
    for (char** argument = arguments; *argument != nullptr; ++argument) words.push_back(*argument);
    words.push_back(nullptr);

    if (!beside.empty()) {
        // The interpreter finds its virtual environment by the name it is called by.
        std::string called = beside;
        words.front() = called.data();
        ::execv(beside.c_str(), words.data());
        words.front() = program.data();
    }
    ::execvp(program.c_str(), words.data());
    const int reason = errno;
    fmt::print(
        stderr,
        "numapool: \"{}\" is no command of this program, and python3, which may have it, cannot be run: {}; "
        "\"numapool --help\" lists the commands, the others need Python and the numapool package\n",
        arguments[0], std::strerror(reason));
    return reason == ENOENT ? kNotFound : kNotRunnable;
}

}  // namespace numapool_cli
