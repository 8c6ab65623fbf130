// Owns: presets, environment variables, ranges and the description of every option.
// Must not know: what a pool does with them.
#include "numapool/options.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "numapool/errors.h"

namespace numapool {
namespace {

constexpr std::size_t kMostBuffers = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& message) {
    throw ArgumentError(ErrorCode::kInvalidOption, message);
}

std::size_t bytes_from(const char* variable, std::string_view text) {
    std::size_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    unsigned shift = 0;
    if (unit == "K" || unit == "KiB")
        shift = 10;
    else if (unit == "M" || unit == "MiB")
        shift = 20;
    else if (unit == "G" || unit == "GiB")
        shift = 30;
    else if (unit == "T" || unit == "TiB")
        shift = 40;
    else if (!unit.empty())
        shift = 64;
    if (error != std::errc() || shift == 64 || number > std::numeric_limits<std::size_t>::max() >> shift) {
        refuse(std::string(variable) + " is \"" + std::string(text) +
               "\"; a number of bytes is needed, with K, M, G or T for powers of 1024, for instance 512M");
    }
    return number << shift;
}

const char* variable(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == '\0' ? nullptr : text;
}

}  // namespace

PoolOptions PoolOptions::for_workload(Workload workload) {
    PoolOptions options;
    switch (workload) {
        case Workload::kDefault:
            break;
        case Workload::kInference:
            options.max_buffers = 64;
            options.cleanup_threshold = 0.9;
            options.enable_monitoring = false;
            break;
        case Workload::kTraining:
            options.max_buffers = 256;
            options.cleanup_threshold = 0.7;
            break;
        case Workload::kBatchProcessing:
            options.max_buffers = 512;
            break;
    }
    return options;
}

PoolOptions PoolOptions::with_environment() const {
    PoolOptions result = *this;
    if (const char* text = variable("NUMAPOOL_MAX_BYTES"); text != nullptr) {
        const std::size_t bytes = bytes_from("NUMAPOOL_MAX_BYTES", text);
        if (!result.max_bytes || bytes < *result.max_bytes) result.max_bytes = bytes;
    }
    if (const char* text = variable("NUMAPOOL_BIND"); text != nullptr) {
        const auto mode = parse_bind_mode(text);
        if (!mode)
            refuse("NUMAPOOL_BIND is \"" + std::string(text) + "\"; none, advisory or strict are possible");
        result.bind = *mode;
    }
    if (const char* text = variable("NUMAPOOL_HUGE_PAGES"); text != nullptr) {
        const auto mode = parse_huge_pages(text);
        if (!mode)
            refuse("NUMAPOOL_HUGE_PAGES is \"" + std::string(text) +
                   "\"; auto, never or always are possible");
        result.huge_pages = *mode;
    }
    return result;
}

void PoolOptions::validate() const {
    if (max_buffers > kMostBuffers) {
        refuse("max_buffers is " + std::to_string(max_buffers) + "; 0 to " + std::to_string(kMostBuffers) +
               " are possible");
    }
    if (!(cleanup_threshold >= 0.0 && cleanup_threshold <= 1.0)) {
        refuse("cleanup_threshold is " + std::to_string(cleanup_threshold) +
               "; a share from 0.0 to 1.0 is needed");
    }
    if (max_bytes && *max_bytes == 0) refuse("max_bytes is 0; at least 1 is needed, or none for no limit");
    if (idle_decay && (idle_decay->count() < 0 || *idle_decay > std::chrono::hours(24 * 7))) {
        refuse("idle_decay is " + std::to_string(idle_decay->count()) +
               " ms; 0 to 604800000 (a week) are possible, or "
               "none for never");
    }
}

std::vector<OptionDescription> describe_options() {
    return {
        {"max_buffers", nullptr, "0 to 1048576", "32",
         "How many idle buffers above 1 MiB each node keeps, and half of how many MiB of smaller ones "
         "threads "
         "keep ready there; live ones are not limited."},
        {"numa_aware", nullptr, "true, false", "true",
         "Whether memory is kept apart by node; if false, nodes in requests are accepted and ignored."},
        {"enable_monitoring", nullptr, "true, false", "true",
         "Whether bytes requested and local requests are counted."},
        {"cleanup_threshold", nullptr, "0.0 to 1.0", "0.8",
         "The share of the memory limit from which a pressure monitor has the pool give idle memory back."},
        {"name", nullptr, "text", "pool-N", "What the pool is called in statistics and messages."},
        {"max_bytes", "NUMAPOOL_MAX_BYTES", "bytes; in the environment also with K, M, G or T", "no limit",
         "The most memory that a pool may hold, live and idle together; of option and variable the smaller "
         "one counts."},
        {"max_idle_bytes", nullptr, "bytes", "no limit",
         "If given, bounds idle memory by bytes over all nodes, and large buffers no longer by max_buffers."},
        {"bind", "NUMAPOOL_BIND", "none, advisory, strict", "advisory",
         "How hard the pool tries to have pages on the node asked for; the variable replaces the option."},
        {"huge_pages", "NUMAPOOL_HUGE_PAGES", "auto, never, always", "auto",
         "Which of the pool's memory asks for transparent huge pages; the variable replaces the option."},
        {"movable", nullptr, "true, false", "true",
         "Whether idle pages may be moved to other addresses to make long buffers of them; false where "
         "buffers "
         "are registered for RDMA, MPI or CUDA, or shared with other processes."},
        {"zero_on_return", nullptr, "true, false", "false",
         "Whether a buffer is overwritten with zeros when it comes back, before anyone else can hold it."},
        {"idle_decay", nullptr, "0 to 604800000 ms, or none for never; C++ only", "10000 ms",
         "The time over which idle memory is smoothly given back to the system."},
        {nullptr, "NUMAPOOL_DISABLE", "1", "not set",
         "Plain allocation behind the same interface: nothing is pooled or placed; for finding out whether a "
         "fault is "
         "the pool's."},
        {nullptr, "NUMAPOOL_CHECK", "0, 1", "now and then",
         "Which buffers are watched for misuse: none, all (whoever is found ends the process), or a sample "
         "of a few "
         "a second, which is told of on stderr; under AddressSanitizer and Valgrind all."},
        {nullptr, "NUMAPOOL_LOG", "debug, info, warning, error, off", "warning",
         "From which level on messages are told; in Python the numapool logger's own level applies too."},
    };
}

const char* to_string(BindMode mode) noexcept {
    switch (mode) {
        case BindMode::kNone:
            return "none";
        case BindMode::kAdvisory:
            return "advisory";
        case BindMode::kStrict:
            return "strict";
    }
    return "unknown";
}

const char* to_string(HugePages mode) noexcept {
    switch (mode) {
        case HugePages::kAuto:
            return "auto";
        case HugePages::kNever:
            return "never";
        case HugePages::kAlways:
            return "always";
    }
    return "unknown";
}

std::optional<BindMode> parse_bind_mode(std::string_view word) noexcept {
    for (const BindMode mode : {BindMode::kNone, BindMode::kAdvisory, BindMode::kStrict}) {
        if (word == to_string(mode)) return mode;
    }
    return std::nullopt;
}

std::optional<HugePages> parse_huge_pages(std::string_view word) noexcept {
    for (const HugePages mode : {HugePages::kAuto, HugePages::kNever, HugePages::kAlways}) {
        if (word == to_string(mode)) return mode;
    }
    return std::nullopt;
}

std::optional<Workload> parse_workload(std::string_view word) noexcept {
    if (word == "default") return Workload::kDefault;
    if (word == "inference") return Workload::kInference;
    if (word == "training") return Workload::kTraining;
    if (word == "batch_processing") return Workload::kBatchProcessing;
    return std::nullopt;
}

}  // namespace numapool
