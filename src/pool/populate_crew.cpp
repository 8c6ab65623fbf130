// Owns: the threads behind populate_crew.h.
// Must not know: pools, arenas.
#include "pool/populate_crew.h"

#include <algorithm>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "base/blocked_signals.h"
#include "os/virtual_memory.h"
#include "topology/cpu_binding.h"

namespace numapool::detail {
namespace {

// What one call faults in: other threads of the process cannot map memory meanwhile.
constexpr std::size_t kPieceBytes = std::size_t{16} << 20;
// A few threads use up what a node's memory takes in; a machine of many CPUs has other work for the rest.
constexpr std::size_t kMostThreads = 8;

/// While it lives, the calling thread runs on some CPUs, as far as the system lets it.
class Visit {
public:
    explicit Visit(std::span<const int> cpus) noexcept {
        try {
            if (!cpus.empty()) home_ = topology::current_cpus();
        } catch (const std::bad_alloc&) {
            return;
        }
        if (!home_.empty() && topology::bind_thread_to_cpus(cpus) != 0) home_.clear();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
        if (!home_.empty()) topology::bind_thread_to_cpus(home_);
    }

private:
    std::vector<int> home_;
};

/// The first refusal, told by whoever meets it.
class Refusal {
public:
    bool any() const noexcept { return error_.load(std::memory_order_relaxed) != 0; }
    void tell(int error, std::size_t bytes) noexcept {
        int none = 0;
        // Relaxed, as any(): bytes_ is read once all threads are joined.
        if (error_.compare_exchange_strong(none, error, std::memory_order_relaxed)) bytes_ = bytes;
    }
    base::Result<bool> result() const noexcept {
        if (!any()) return true;
        return base::Failure{ErrorCode::kOutOfMemory, error_.load(std::memory_order_relaxed), bytes_, 0};
    }

private:
    std::atomic<int> error_{0};
    std::size_t bytes_ = 0;
};

void work_on(PopulatePart& part, Refusal& refusal) noexcept {
    while (!refusal.any()) {
        // Relaxed: it deals out pieces and guards no other memory; what is in them is the kernel's to order.
        const std::size_t at = part.next.fetch_add(kPieceBytes, std::memory_order_relaxed);
        if (at >= part.bytes) return;
        const int error = os::populate(part.address + at, std::min(kPieceBytes, part.bytes - at));
        if (error != 0) refusal.tell(error, part.bytes);
    }
}

bool begun(const PopulatePart& part) noexcept {
    return part.next.load(std::memory_order_relaxed) >= part.bytes;
}

std::size_t threads_for(const PopulatePart& part) noexcept {
    return part.bytes < kSharedFromBytes ? 1
                                         : std::min({part.threads, kMostThreads, part.bytes / kPieceBytes});
}

}  // namespace

base::Result<bool> populate_parts(std::span<PopulatePart> parts) noexcept {
    Refusal refusal;
    std::vector<std::jthread> helpers;  // joined when this returns, or before
    try {
        const base::BlockedSignals blocked;
        for (PopulatePart& part : parts) {
            const bool callers = &part == parts.data();  // the calling thread begins with the first
            for (std::size_t i = callers ? 1 : 0; i < threads_for(part); ++i) {
                helpers.emplace_back([&part, &refusal] {
                    if (part.cpus.empty() || topology::bind_thread_to_cpus(part.cpus) == 0)
                        work_on(part, refusal);
                });
            }
        }
    } catch (const std::exception&) {
        // No more threads, or no memory for them: the others and the calling one do the work.
    }
    for (PopulatePart& part : parts) {
        if (begun(part)) continue;
        const Visit visit(part.cpus);
        work_on(part, refusal);
    }
    helpers.clear();
    return refusal.result();
}

}  // namespace numapool::detail
