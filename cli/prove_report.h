// Owns: all that `numapool prove` found out, and the words for it: what could not be shown here, and the
// verdict. Must not know: tables or JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "prove_machine.h"
#include "prove_pages.h"
#include "prove_reuse.h"
#include "prove_speed.h"

namespace numapool_cli {

inline constexpr const char* kLookedUpBy =
    "numapool::where, which asks the kernel (move_pages; where that is refused get_mempolicy, then "
    "numa_maps)";

struct Verdict {
    /// "right" (every page looked up, and found right), "reported" (the pool told of those that were not),
    /// "broken", "by mapping" (right, but not told of each page by itself), "unverified" (not all were looked
    /// up), "unpromised" (bind none), "disabled", "nothing".
    std::string placement;
    std::vector<std::string> sentences;
    bool failed = false;  ///< pages lie elsewhere and the pool did not tell
};

struct ProveReport {
    ProveMachine machine;
    bool quick = false;
    double seconds_allowed = 0.0;
    double seconds_taken = 0.0;
    PagesResult pages;
    SpeedResult speed;
    ReuseResult reuse;
    std::vector<std::string> messages;  ///< what the library told through its log
    Verdict verdict;
};

/// What the part cannot show on this machine or was not measured, and why; none if there is nothing to say.
std::vector<std::string> limits_of_pages(const ProveReport& report);
std::vector<std::string> limits_of_speed(const ProveReport& report);
std::vector<std::string> limits_of_reuse(const ProveReport& report);

/// Another node's memory beside the node's own, by medians. Nothing unless both were measured, on pages that
/// were found where they should be.
struct RemoteRatio {
    double bandwidth = 0.0;
    double latency = 0.0;
    bool bandwidth_apart = false;  ///< as Spread::apart_from
    bool latency_apart = false;
};
std::optional<RemoteRatio> remote_ratio(const SpeedResult& speed, const PairSpeed& pair);

Verdict verdict_of(const ProveReport& report);

/// "1,234,567".
std::string grouped(std::uint64_t number);
/// Of the pages that were looked up those that were right, as "97.3%"; 100% only if all were, "-" if none
/// was looked up.
std::string share_text(std::uint64_t right, std::uint64_t elsewhere);

}  // namespace numapool_cli
