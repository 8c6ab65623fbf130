// Owns: how a pool is set up, and how one request is.
// Must not know: what the pool does with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "numapool/export.h"
#include "numapool/placement.h"

namespace numapool {

/// Every block is aligned to this many bytes at least.
inline constexpr std::size_t kMinAlignment = 64;
/// The largest alignment that a request may ask for (1 GiB).
inline constexpr std::size_t kMaxAlignment = std::size_t{1} << 30;

/// When a pool's memory is backed by huge pages.
enum class HugePages {
    kAuto,    ///< large buffers ask for transparent huge pages, where the system offers them on request
    kNever,   ///< no huge pages, whatever the system's setting
    kAlways,  ///< all of the pool's memory asks for transparent huge pages
};

/// Presets for common uses.
enum class Workload {
    kDefault,
    kInference,        ///< 64 buffers a tier, monitoring off
    kTraining,         ///< 256 buffers a tier, cleans up early
    kBatchProcessing,  ///< 512 buffers a tier
};

/// How a pool is set up. Aggregate: name what differs, `PoolOptions{.max_buffers = 64}`.
struct NUMAPOOL_API PoolOptions {
    /// How many idle large buffers each node keeps; it never limits live ones. What is idle beyond it gives
    /// its pages back to the system: with idle_decay what no request had need of for a tick, half a second at
    /// most; without it at once. Of buffers of up to 1 MiB threads keep twice as many bytes ready on each
    /// node as this many of 1 MiB would be; those beyond go back to their slab.
    std::size_t max_buffers = 32;
    /// false: one arena for all nodes, no placement system calls, nodes in requests are accepted and ignored.
    bool numa_aware = true;
    /// false: counters that only monitoring keeps (bytes requested, local requests) stay 0.
    bool enable_monitoring = true;
    /// The share of the memory limit, 0.0 to 1.0, from which a pressure monitor has the pool give idle memory
    /// back.
    double cleanup_threshold = 0.8;
    /// A name for statistics and messages; empty: "pool-N".
    std::string name = {};
    /// The most bytes that the pool may hold (live and idle together); none: no limit.
    std::optional<std::size_t> max_bytes = std::nullopt;
    /// If set, idle memory is bounded by these bytes over all nodes, and the large tier no longer by
    /// max_buffers. What is free in a slab of which other blocks are live cannot be given back and may pass
    /// it.
    std::optional<std::size_t> max_idle_bytes = std::nullopt;
    /// How hard to try to put pages where they were asked for; ignored unless numa_aware.
    BindMode bind = BindMode::kAdvisory;
    HugePages huge_pages = HugePages::kAuto;
    /// Whether idle pages may be moved to other addresses, to make one long buffer of several short ones'
    /// memory instead of taking new memory. Set false where buffers are registered with a device or a network
    /// adapter (RDMA, MPI, CUDA) or shared with other processes: their pages then stay at their addresses for
    /// good.
    bool movable = true;
    /// Overwrites every buffer with zeros when it comes back, before anyone else can hold it.
    bool zero_on_return = false;
    /// Idle memory is given back to the system smoothly over this time, in units of 2 MiB, by a background
    /// thread that sleeps while there is none, but for a look a second to have some buffers watched
    /// (NUMAPOOL_CHECK); 0: at once, none: never, and then fewer buffers are watched.
    std::optional<std::chrono::milliseconds> idle_decay = std::chrono::seconds{10};

    /// The preset for `workload`.
    static PoolOptions for_workload(Workload workload);
    /// These options with the environment applied: NUMAPOOL_MAX_BYTES lowers max_bytes, NUMAPOOL_BIND and
    /// NUMAPOOL_HUGE_PAGES replace bind and huge_pages. Each pool does this when it is made.
    /// Throws ArgumentError (kInvalidOption) if a variable holds a value that cannot be read.
    PoolOptions with_environment() const;
    /// Throws ArgumentError (kInvalidOption) unless every option is within its range.
    void validate() const;
};

/// What one request may ask for beyond its size.
struct Request {
    /// A power of two up to kMaxAlignment; less than kMinAlignment is raised to it.
    std::size_t alignment = kMinAlignment;
    Placement placement = {};
    /// true: every byte is zero. false: contents are undefined.
    bool zeroed = false;
    /// Overrides the pool's bind mode for this request.
    std::optional<BindMode> bind = std::nullopt;
};

/// One row of the reference: an option or an environment variable.
struct OptionDescription {
    const char* name;         ///< the option's name in C++ and Python; nullptr if only the environment has it
    const char* environment;  ///< the variable's name; nullptr if there is none
    const char* values;       ///< what it may hold
    const char* fallback;     ///< what holds when it is not given
    const char* meaning;      ///< one sentence
};

/// All options and environment variables, in the order of the reference.
NUMAPOOL_API std::vector<OptionDescription> describe_options();

NUMAPOOL_API const char* to_string(BindMode mode) noexcept;
NUMAPOOL_API const char* to_string(HugePages mode) noexcept;
/// "none" | "advisory" | "strict"; nothing for any other word.
NUMAPOOL_API std::optional<BindMode> parse_bind_mode(std::string_view word) noexcept;
/// "auto" | "never" | "always"; nothing for any other word.
NUMAPOOL_API std::optional<HugePages> parse_huge_pages(std::string_view word) noexcept;
/// "default" | "inference" | "training" | "batch_processing"; nothing for any other word.
NUMAPOOL_API std::optional<Workload> parse_workload(std::string_view word) noexcept;

}  // namespace numapool
