// Owns: putting the request and the environment together.
// Must not know: whether anything can work.
#include <algorithm>
#include <cstdlib>

#include "pool/plain_heap.h"
#include "watch/asked_findings.h"

namespace numapool::watch {
namespace {

const char* variable(const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr || *text == '\0' ? nullptr : text;
}

}  // namespace

Wishes gather_wishes(const DiagnosisRequest& request) {
    PoolOptions requested;
    requested.max_bytes = request.max_bytes;
    requested.validate();
    const PoolOptions environment = PoolOptions{}.with_environment();
    environment.validate();

    Wishes wishes;
    wishes.disabled = numapool::detail::PlainHeap::wanted();
    for (const int node : request.nodes) {
        if (std::find(wishes.nodes.begin(), wishes.nodes.end(), node) == wishes.nodes.end())
            wishes.nodes.push_back(node);
    }
    if (request.bind) wishes.binds.push_back({*request.bind, ""});
    if (variable("NUMAPOOL_BIND") != nullptr) wishes.binds.push_back({environment.bind, "NUMAPOOL_BIND"});
    if (request.huge_pages) wishes.huge_pages.push_back({*request.huge_pages, ""});
    if (variable("NUMAPOOL_HUGE_PAGES") != nullptr)
        wishes.huge_pages.push_back({environment.huge_pages, "NUMAPOOL_HUGE_PAGES"});
    if (request.max_bytes) wishes.max_bytes.push_back({*request.max_bytes, ""});
    if (environment.max_bytes) wishes.max_bytes.push_back({*environment.max_bytes, "NUMAPOOL_MAX_BYTES"});
    return wishes;
}

}  // namespace numapool::watch
