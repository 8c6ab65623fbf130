// Owns: the answer to "what will work on this machine, in this container, for this process?".
// Must not know: how anything is tried, or how the answer is shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "numapool/export.h"
#include "numapool/options.h"
#include "numapool/placement.h"

namespace numapool {

enum class FindingState {
    kGood,     ///< it works
    kLimited,  ///< it works in part, or within a bound
    kCannot,   ///< it does not work
    kNote,     ///< nothing is wrong, but it changes what is seen
};

/// "ok", "limited", "cannot" or "note". Never null.
NUMAPOOL_API const char* to_string(FindingState state) noexcept;

/// One thing that was looked at.
struct Finding {
    std::string subject;  ///< for instance "mbind"; distinct within one diagnosis
    FindingState state = FindingState::kGood;
    std::string found;   ///< what was seen, with the values, and what the pool makes of it
    std::string remedy;  ///< what to type, or to ask an administrator for; empty if there is nothing to do
    bool asked = false;  ///< whether it answers something that the request or the environment asks for
};

/// What must work, beyond what the environment asks for (NUMAPOOL_BIND, NUMAPOOL_HUGE_PAGES,
/// NUMAPOOL_MAX_BYTES and NUMAPOOL_DISABLE, read as pools read them).
struct DiagnosisRequest {
    std::vector<int> nodes = {};  ///< that pages are to be had on
    std::optional<BindMode> bind = std::nullopt;
    std::optional<HugePages> huge_pages = std::nullopt;
    std::optional<std::size_t> max_bytes = std::nullopt;  ///< that a pool is to be able to hold
};

struct Diagnosis {
    std::vector<Finding> findings;  ///< of the machine first, then what was asked for
    /// No finding with `asked` set is kCannot; true if nothing was asked for.
    bool everything_asked_works = true;
};

/// Looks at the running machine. What can be tried is tried, on fresh pages that are unmapped again:
/// policies, page look-ups, thread binding, huge pages, a reservation of 64 GiB of addresses. Costs some tens
/// of milliseconds. What cannot be read or tried is told in the finding; it is no error.
///
/// Thread safety: any thread. Trials run on a thread of their own, so the caller's CPUs and policy never
/// change; it inherits them, and they are part of the answer. Throws ArgumentError (kInvalidOption) if a
/// variable of the environment cannot be read or max_bytes is 0.
NUMAPOOL_API Diagnosis diagnose(const DiagnosisRequest& request = {});

}  // namespace numapool
