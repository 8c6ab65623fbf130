// Owns: what is asked for, by whom, and whether it can work.
// Must not know: how the system was examined.
#pragma once

#include <string>
#include <vector>

#include "numapool/diagnosis.h"

#include "watch/examination.h"

namespace numapool::watch {

/// One thing that is asked for, and by whom: "" for the request, else the variable's name.
template <class Value>
struct Asked {
    Value value;
    std::string variable;
};

struct Wishes {
    std::vector<int> nodes;
    std::vector<Asked<BindMode>> binds;
    std::vector<Asked<HugePages>> huge_pages;
    std::vector<Asked<std::size_t>> max_bytes;
    bool disabled = false;  ///< NUMAPOOL_DISABLE=1
};

/// The request and the environment together; each node once. Throws ArgumentError (kInvalidOption) for a
/// variable that cannot be read and for a max_bytes of 0.
Wishes gather_wishes(const DiagnosisRequest& request);

/// Adds a finding for each wish, each with `asked` set.
void add_asked_findings(const Examination& seen, const Wishes& wishes, std::vector<Finding>& findings);

}  // namespace numapool::watch
