// Owns: buffers that pass between threads of two nodes, and where the next ones lie then, for any allocator.
// Must not know: which allocators there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "deadline.h"

namespace numapool_cli {

/// What becomes of the first thread's buffers before the second thread asks for its own.
enum class Handover : std::uint8_t {
    kFreedByFirst,   ///< the first thread frees them and lives on
    kFreedBySecond,  ///< the second thread, to which they were handed over, frees them
    kFirstEnded,     ///< the first thread frees them and ends
};
inline constexpr Handover kHandovers[] = {Handover::kFreedByFirst, Handover::kFreedBySecond,
                                          Handover::kFirstEnded};
/// "first" | "second" | "ended".
const char* to_string(Handover handover) noexcept;

struct ReuseSize {
    std::size_t bytes = 0;
    std::size_t buffers = 0;  ///< each thread holds that many at once
};

/// What is to be measured; as a word, so that another process can be told.
struct ReusePlan {
    Handover handover = Handover::kFreedByFirst;
    std::vector<std::pair<int, int>> pairs;  ///< node of the first thread, node of the second
    std::vector<ReuseSize> sizes;
    std::size_t passes = 1;  ///< over all cases, at most
    double seconds = 0.0;    ///< after which no further case begins

    std::string word() const;
    /// Reads what word() writes. Throws numapool::ArgumentError (kInvalidOption) for any other.
    static ReusePlan from(const std::string& word);
};

/// One size, handed over in one way from one node to another. Pages are those of the second thread's buffers,
/// without such as a buffer shares with what lies next to it.
struct ReuseCase {
    int first_node = 0;
    int second_node = 0;
    std::size_t bytes = 0;
    Handover handover = Handover::kFreedByFirst;
    std::uint64_t rounds = 0;
    std::uint64_t right = 0;  ///< pages on the second thread's node
    std::uint64_t elsewhere = 0;
    std::uint64_t absent = 0;
    std::uint64_t unknown = 0;
    std::uint64_t warm_rounds = 0;  ///< those after the first of each pass
    std::uint64_t warm_faults = 0;  ///< minor page faults of both threads in them, by getrusage
};

struct ReuseAllocator {
    std::function<void*(std::size_t)> take;  ///< a null pointer or an exception: there is no memory
    std::function<void(void*)> give;
};

/// Each node's first threads, unless they end, and second threads are the same in all cases, as in a program
/// whose workers live on. What the allocator keeps of one case the next one meets, as in such a program; for
/// another handover begin with a fresh allocator.
///
/// Throws what take and NodeBinding throw, std::bad_alloc for a null pointer. Memory that was taken is given
/// back. Cases that were not reached are not in the result.
std::vector<ReuseCase> measure_reuse(const ReuseAllocator& allocator, const ReusePlan& plan);

}  // namespace numapool_cli
