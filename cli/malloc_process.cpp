// Owns: measuring an allocator that replaces malloc, in a process of its own.
// Must not know: how the figures are shown.
#include "malloc_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "deadline.h"

namespace numapool_cli {
namespace {

constexpr double kSecondsOfGrace = 5.0;

std::optional<std::filesystem::path> find_in(const std::filesystem::path& folder, std::string_view start) {
    std::optional<std::filesystem::path> best;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        // A name that goes on with a number is the same library, by its full version.
        const std::string name = at->path().filename().string();
        const bool meant = name == start || name.starts_with(fmt::format("{}.", start));
        if (meant && (!best || name < best->filename().string())) best = at->path();
    }
    return best;
}

std::vector<std::filesystem::path> library_folders() {
    std::vector<std::filesystem::path> folders;
    for (const char* const root : {"/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/local/lib64", "/lib"}) {
        folders.emplace_back(root);
        std::error_code error;
        for (std::filesystem::directory_iterator at(root, error), end; !error && at != end;
             at.increment(error)) {
            if (at->path().filename().string().find("-linux-") != std::string::npos) {
                folders.push_back(at->path());
            }
        }
    }
    return folders;
}

// The environment of the other process: this one's, with the library in the place of what was preloaded here.
std::vector<std::string> environment_with(const MallocLibrary& library) {
    std::vector<std::string> entries;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (!text.starts_with("LD_PRELOAD=") && !text.starts_with("NUMAPOOL_LOG="))
            entries.emplace_back(text);
    }
    entries.emplace_back("NUMAPOOL_LOG=off");  // what it would say was said by this process
    if (!library.path.empty()) entries.push_back(fmt::format("LD_PRELOAD={}", library.path));
    return entries;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

struct Descriptor {
    int number = -1;
    Descriptor() = default;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }
    void close() {
        if (number >= 0) ::close(number);
        number = -1;
    }
};

int start(const MallocLibrary& library, const ReusePlan& plan, int output, pid_t& process) {
    std::vector<std::string> words{"numapool", "prove", "--measure-malloc", plan.word()};
    std::vector<std::string> entries = environment_with(library);
    posix_spawn_file_actions_t actions;
    if (const int error = ::posix_spawn_file_actions_init(&actions); error != 0) return error;
    int error = ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (error == 0) {
        error = ::posix_spawn(&process, "/proc/self/exe", &actions, nullptr, pointers_to(words).data(),
                              pointers_to(entries).data());
    }
    ::posix_spawn_file_actions_destroy(&actions);
    return error;
}

// Nothing if the process was still writing when its time was up.
std::optional<std::string> read_all(int input, const Deadline& deadline) {
    std::string text;
    std::array<char, 4096> part{};
    while (true) {
        pollfd wait{.fd = input, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&wait, 1, static_cast<int>(deadline.seconds_left() * 1000.0));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return std::nullopt;
        const ssize_t bytes = ::read(input, part.data(), part.size());
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) return std::nullopt;
        if (bytes == 0) return text;
        text.append(part.data(), static_cast<std::size_t>(bytes));
    }
}

std::optional<ReuseCase> case_from(std::istringstream& line) {
    ReuseCase one;
    std::string handover;
    line >> one.first_node >> one.second_node >> one.bytes >> handover >> one.rounds >> one.right >>
        one.elsewhere >> one.absent >> one.unknown >> one.warm_rounds >> one.warm_faults;
    if (!line) return std::nullopt;
    for (const Handover possible : kHandovers) {
        if (handover == to_string(possible)) {
            one.handover = possible;
            return one;
        }
    }
    return std::nullopt;
}

void read_report(const std::string& text, MallocMeasurement& result) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string kind;
        words >> kind;
        if (kind == "malloc") {
            std::getline(words >> std::ws, result.file);
        } else if (kind == "case") {
            if (const auto one = case_from(words)) result.cases.push_back(*one);
        } else if (result.failure.empty()) {
            result.failure = line;  // what the loader or the other process complains of
        }
    }
}

bool same_file(const std::string& left, const std::string& right) {
    std::error_code error;
    return std::filesystem::equivalent(left, right, error) && !error;
}

}  // namespace

std::vector<MallocLibrary> find_malloc_libraries() {
    constexpr std::array<std::pair<const char*, const char*>, 4> kKnown{{
        {"jemalloc", "libjemalloc.so.2"},
        {"tcmalloc", "libtcmalloc_minimal.so.4"},
        {"mimalloc", "libmimalloc.so.2"},
        {"oneTBB", "libtbbmalloc_proxy.so.2"},
    }};
    std::vector<MallocLibrary> found{{"malloc", ""}};
    const std::vector<std::filesystem::path> folders = library_folders();
    for (const auto& [name, file] : kKnown) {
        for (const std::filesystem::path& folder : folders) {
            if (const auto path = find_in(folder, file)) {
                found.push_back({name, path->string()});
                break;
            }
        }
    }
    return found;
}

MallocMeasurement measure_in_process(const MallocLibrary& library, const ReusePlan& plan) {
    MallocMeasurement result;
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        result.failure = fmt::format("no pipe to another process: {}", std::strerror(errno));
        return result;
    }
    Descriptor input;
    Descriptor output;
    input.number = ends[0];
    output.number = ends[1];
    pid_t process = -1;
    if (const int error = start(library, plan, output.number, process); error != 0) {
        result.failure = fmt::format("this program could not be run again: {}", std::strerror(error));
        return result;
    }
    output.close();
    const auto text = read_all(input.number, Deadline(plan.seconds + kSecondsOfGrace));
    if (!text) ::kill(process, SIGKILL);
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    if (!text) {
        result.failure = fmt::format("no answer within {:.1f} seconds", plan.seconds + kSecondsOfGrace);
        return result;
    }
    read_report(*text, result);
    if (WIFSIGNALED(status)) {
        result.failure = fmt::format("its process was ended by signal {}", WTERMSIG(status));
    } else if (!library.path.empty() && !result.file.empty() && !same_file(result.file, library.path)) {
        result.failure = fmt::format("malloc came from {} instead", result.file);
    } else if (WEXITSTATUS(status) == 0 && !result.cases.empty()) {
        result.failure.clear();
    } else if (WEXITSTATUS(status) == 0) {
        result.failure = "no time was left for a first case";
    } else if (result.failure.empty()) {
        result.failure = fmt::format("its process ended with status {}", WEXITSTATUS(status));
    }
    if (!result.failure.empty()) result.cases.clear();
    return result;
}

void report_malloc(const ReusePlan& plan) {
    // Asked of the loader, since the program's own address of malloc may be a stub.
    Dl_info from{};
    void* const address = ::dlsym(RTLD_DEFAULT, "malloc");
    const bool known = address != nullptr && ::dladdr(address, &from) != 0 && from.dli_fname != nullptr;
    fmt::print("malloc {}\n", known ? from.dli_fname : "unknown");
    // Through pointers that may change, so that the compiler cannot pair a malloc with its free.
    void* (*volatile take)(std::size_t) = &std::malloc;
    void (*volatile give)(void*) = &std::free;
    const ReuseAllocator allocator{[&](std::size_t bytes) { return take(bytes); },
                                   [&](void* block) { give(block); }};
    for (const ReuseCase& one : measure_reuse(allocator, plan)) {
        fmt::print("case {} {} {} {} {} {} {} {} {} {} {}\n", one.first_node, one.second_node, one.bytes,
                   to_string(one.handover), one.rounds, one.right, one.elsewhere, one.absent, one.unknown,
                   one.warm_rounds, one.warm_faults);
    }
}

}  // namespace numapool_cli
