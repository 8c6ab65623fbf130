// Owns: every interleaving of threads that commit memory against one limit.
// Must not know: what is committed.
#include <algorithm>
#include <array>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "arena/commit_budget.h"
#include "fakes/interleavings.h"

namespace numapool::arena {
namespace {

using fakes::Exploration;
using fakes::explore;
using fakes::PlayedSync;

constexpr std::size_t kLimit = 10;

/// What a thread does: it charges so much, and is served or refused by the system; what it got it keeps or
/// gives back.
struct Request {
    std::size_t bytes = 0;
    bool refused = false;
    bool kept = false;
};
template <std::size_t threads>
using Requests = std::array<std::array<Request, 2>, threads>;

template <std::size_t threads>
class Committing : public fakes::Meeting {
public:
    explicit Committing(const Requests<threads>& requests) : requests_(requests) {}

    void run(unsigned thread) override {
        for (const Request& request : requests_[thread]) {
            if (request.bytes == 0 || !budget_.charge(request.bytes)) continue;
            if (!request.refused) budget_.confirm(request.bytes);
            if (request.kept && !request.refused) {
                kept_[thread] += request.bytes;
                continue;
            }
            request.refused ? budget_.refund(request.bytes) : budget_.uncharge(request.bytes);
        }
    }
    std::string wrong() override {
        std::size_t kept = 0;
        std::size_t most = 0;
        for (std::size_t thread = 0; thread < threads; ++thread) {
            kept += kept_[thread];
            std::size_t held = 0;
            std::size_t top = 0;
            for (const Request& request : requests_[thread]) {
                if (request.refused) continue;
                top = std::max(top, held + request.bytes);
                if (request.kept) held += request.bytes;
            }
            most += top;
        }
        if (budget_.committed() != kept) return "what is committed is not what is kept";
        if (budget_.peak() < kept) return "more is kept than the peak says";
        if (budget_.peak() > kLimit) return "the peak passes the limit";
        return budget_.peak() <= most ? "" : "a refused request is in the peak";
    }

private:
    const Requests<threads>& requests_;
    BasicCommitBudget<PlayedSync> budget_{kLimit};
    std::array<std::size_t, threads> kept_{};
};

template <std::size_t threads>
void expect_right(const Requests<threads>& requests) {
    const Exploration found = explore<Committing<threads>>(threads, requests);
    EXPECT_EQ(found.wrong, "") << found.way;
    std::cout << threads << " threads: " << found.figures() << "\n";
}

constexpr Request kNothing{};

TEST(CommitBudgetInterleavings, F07_TheLimitIsNeverPassedAndNothingIsLost) {
    expect_right<2>({{{{{6, false, false}, {4, false, true}}}, {{{5, false, true}, kNothing}}}});
    expect_right<2>({{{{{6, false, true}, {5, false, false}}}, {{{4, false, false}, kNothing}}}});
}

TEST(CommitBudgetInterleavings, F33_ARefusedRequestIsNoPeakWhateverOthersDo) {
    expect_right<2>({{{{{5, true, false}, {1, false, true}}}, {{{3, false, true}, kNothing}}}});
    expect_right<2>({{{{{3, false, true}, {2, false, false}}}, {{{5, true, false}, kNothing}}}});
}

}  // namespace
}  // namespace numapool::arena
