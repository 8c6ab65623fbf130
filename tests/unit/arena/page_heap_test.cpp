// Owns: checks of free runs: best fit, splitting, coalescing, boundary entries, against a model.
// Must not know: system calls, limits.
#include "arena/page_heap.h"

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "arena_fixture.h"

namespace numapool::arena {
namespace {

class PageHeapTest : public ArenaFixture {
protected:
    using Run = arena::Run;  // testing::Test has one of its own

    void SetUp() override {
        range_ = reserve_range(kGiB, kGiB, Purpose::kLargeBlock, arena_);
        ASSERT_NE(range_, nullptr);
        heap_.add_range(range_);
    }
    void TearDown() override { release_range(range_); }

    Run fresh(std::size_t slices) {
        const auto run = heap_.take_fresh(slices, 1);
        EXPECT_TRUE(run);
        return run.value_or(Run{range_, 0, 1, RunKind::kVacant});
    }
    void put(Run run, RunKind kind) {
        run.kind = kind;
        heap_.put(run);
    }
    std::map<std::size_t, std::size_t> runs(RunKind kind) const {
        std::map<std::size_t, std::size_t> found;
        for (auto run = heap_.first(kind); run; run = heap_.after(*run)) found[run->first] = run->slices;
        return found;
    }

    AddressRange* range_ = nullptr;
    PageHeap heap_;
};

using Runs = std::map<std::size_t, std::size_t>;

TEST_F(PageHeapTest, TakesTheBestFit) {
    // Free runs of 10, 5, 7 and 6 slices, kept apart by taken ones.
    std::vector<Run> taken;
    for (const std::size_t slices : {10U, 1U, 5U, 1U, 7U, 1U, 6U, 1U}) taken.push_back(fresh(slices));
    for (std::size_t i = 0; i < taken.size(); i += 2) put(taken[i], RunKind::kIdle);
    EXPECT_EQ(heap_.take(RunKind::kIdle, 6, 1)->first, taken[6].first);
    EXPECT_EQ(heap_.take(RunKind::kIdle, 6, 1)->first, taken[4].first);
    EXPECT_EQ(heap_.take(RunKind::kIdle, 6, 1)->first, taken[0].first);
    EXPECT_FALSE(heap_.take(RunKind::kIdle, 6, 1));
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{6, 4}, {11, 5}, {23, 1}}));
    EXPECT_FALSE(heap_.take(RunKind::kPrefaulted, 1, 1)) << "kinds are kept apart";
}

TEST_F(PageHeapTest, BestFitHoldsWithinOneBin) {
    // 64 to 71 slices share a bin: the tightest of them must be found, whichever came last.
    std::vector<Run> taken;
    for (const std::size_t slices : {70U, 1U, 66U, 1U, 68U, 1U}) taken.push_back(fresh(slices));
    for (const std::size_t i : {2U, 4U, 0U}) put(taken[i], RunKind::kIdle);
    EXPECT_EQ(heap_.take(RunKind::kIdle, 65, 1)->first, taken[2].first);
    EXPECT_EQ(heap_.take(RunKind::kIdle, 65, 1)->first, taken[4].first);
}

TEST_F(PageHeapTest, SplitsWhatIsLonger) {
    put(fresh(20), RunKind::kIdle);
    fresh(1);
    const auto exact = heap_.take(RunKind::kIdle, 17, 1);
    EXPECT_EQ(exact->slices, 17U);
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{17, 3}}));
    EXPECT_EQ(heap_.free_bytes(RunKind::kIdle), 3 * base::kSliceBytes);
    EXPECT_FALSE(heap_.take(RunKind::kIdle, 2, 1, Purpose::kLargeBlock, Fit::kSnug)) << "it would be cut";
    EXPECT_EQ(heap_.take(RunKind::kIdle, 3, 1, Purpose::kLargeBlock, Fit::kSnug)->slices, 3U);
    EXPECT_EQ(heap_.free_bytes(RunKind::kIdle), 0U);
}

TEST_F(PageHeapTest, NeighboursOfOneKindMerge) {
    const Run a = fresh(3);
    const Run b = fresh(4);
    const Run c = fresh(5);
    const Run d = fresh(1);
    fresh(1);
    put(a, RunKind::kIdle);
    put(c, RunKind::kIdle);
    put(d, RunKind::kPrefaulted);
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{0, 3}, {7, 5}}));
    put(b, RunKind::kIdle);
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{0, 12}}));
    EXPECT_EQ(runs(RunKind::kPrefaulted), (Runs{{12, 1}}));
    // Inside a merged run no entry is left that an address could be mistaken for.
    for (std::size_t slice = 1; slice < 11; ++slice) EXPECT_EQ(range_->entry(slice).word(), 0U) << slice;
    EXPECT_TRUE(range_->entry(0).is_free_run());
    EXPECT_EQ(range_->entry(11).slices(), 12U);
}

TEST_F(PageHeapTest, VacantRunsAtTheEndBecomeUnusedAgain) {
    const Run a = fresh(3);
    const Run b = fresh(4);
    put(a, RunKind::kVacant);
    EXPECT_EQ(range_->fresh, 7U);
    put(b, RunKind::kVacant);
    EXPECT_EQ(range_->fresh, 0U);
    EXPECT_EQ(heap_.free_bytes(RunKind::kVacant), 0U);
}

TEST_F(PageHeapTest, AlignedRunsLeaveTheGapFree) {
    fresh(1);
    const auto aligned = heap_.take_fresh(8, 32);
    ASSERT_TRUE(aligned);
    EXPECT_EQ(aligned->address() % (32 * base::kSliceBytes), 0U);
    EXPECT_EQ(runs(RunKind::kVacant), (Runs{{1, 31}}));
}

TEST_F(PageHeapTest, AlignedRunIsFoundAgainAfterItCameBack) {
    fresh(1);
    const Run aligned = *heap_.take_fresh(8, 32);
    fresh(1);
    put(aligned, RunKind::kIdle);
    const auto again = heap_.take(RunKind::kIdle, 8, 32);
    ASSERT_TRUE(again) << "the run fits exactly where it lies";
    EXPECT_EQ(again->first, aligned.first);
    EXPECT_EQ(again->slices, 8U);
}

TEST_F(PageHeapTest, BusyRunsAreOutOfReach) {
    Run a = fresh(4);
    fresh(1);
    put(a, RunKind::kIdle);
    Run part = heap_.take_part({range_, 0, 4, RunKind::kIdle}, 1, 2);
    put(part, RunKind::kBusy);
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{0, 1}, {3, 1}}));
    EXPECT_FALSE(heap_.take(RunKind::kIdle, 2, 1));
    part.kind = RunKind::kBusy;
    heap_.change_kind(part, RunKind::kIdle);
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{0, 4}}));
}

TEST_F(PageHeapTest, AFullRangeHasNothingFreshLeft) {
    fresh(kGiB / base::kSliceBytes);
    EXPECT_FALSE(heap_.take_fresh(1, 1));
}

/// What each slice is, one by one: slow and plainly right.
class Model {
public:
    static constexpr int kUnused = -1;
    static constexpr int kTaken = -2;

    explicit Model(std::size_t slices) : slices_(slices, kUnused) {}

    void set(std::size_t first, std::size_t count, int what) {
        std::fill_n(slices_.begin() + static_cast<std::ptrdiff_t>(first), count, what);
        while (fresh_ < slices_.size() && slices_[fresh_] != kUnused) ++fresh_;
        if (what == static_cast<int>(RunKind::kVacant)) {
            while (fresh_ > 0 && slices_[fresh_ - 1] == what) slices_[--fresh_] = kUnused;
        }
    }
    bool all(std::size_t first, std::size_t count, int what) const {
        const auto begin = slices_.begin() + static_cast<std::ptrdiff_t>(first);
        return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(count),
                           [&](int have) { return have == what; });
    }
    Runs runs(RunKind kind) const {
        Runs found;
        for (std::size_t i = 0; i < fresh_;) {
            std::size_t end = i + 1;
            while (end < fresh_ && slices_[end] == slices_[i]) ++end;
            if (slices_[i] == static_cast<int>(kind)) found[i] = end - i;
            i = end;
        }
        return found;
    }
    std::size_t fresh() const { return fresh_; }

private:
    std::vector<int> slices_;
    std::size_t fresh_ = 0;
};

TEST_F(PageHeapTest, AgreesWithAModelOverRandomUse) {
    std::mt19937 random(42);
    const auto upto = [&](std::size_t most) { return 1 + random() % most; };
    Model model(range_->slices);
    std::vector<Run> taken;
    constexpr RunKind kKinds[] = {RunKind::kIdle, RunKind::kPrefaulted, RunKind::kVacant};
    for (int step = 0; step < 20000; ++step) {
        const RunKind kind = kKinds[random() % 3];
        const std::size_t slices = random() % 4 == 0 ? upto(200) : upto(20);
        switch (random() % 4) {
            case 0: {
                if (model.fresh() + slices > 3000) break;
                const std::size_t expected = model.fresh();
                const Run run = *heap_.take_fresh(slices, 1);
                ASSERT_EQ(run.first, expected);
                model.set(run.first, run.slices, Model::kTaken);
                taken.push_back(run);
                break;
            }
            case 1: {
                const auto before = model.runs(kind);
                std::size_t best = ~std::size_t{0};
                for (const auto& [first, length] : before) {
                    if (length >= slices) best = std::min(best, length);
                }
                const auto run = heap_.take(kind, slices, 1);
                ASSERT_EQ(run.has_value(), best != ~std::size_t{0});
                if (!run) break;
                ASSERT_EQ(before.at(run->first), best) << "not the best fit";
                ASSERT_EQ(run->slices, slices);
                ASSERT_TRUE(model.all(run->first, run->slices, static_cast<int>(kind)));
                model.set(run->first, run->slices, Model::kTaken);
                taken.push_back(*run);
                break;
            }
            case 2: {
                if (taken.empty()) break;
                std::swap(taken[random() % taken.size()], taken.back());
                put(taken.back(), kind);
                model.set(taken.back().first, taken.back().slices, static_cast<int>(kind));
                taken.pop_back();
                break;
            }
            default: {
                const auto found = heap_.first(kind);
                if (!found) break;
                const std::size_t offset = random() % found->slices;
                const std::size_t part = upto(found->slices - offset);
                const Run run = heap_.take_part(*found, found->first + offset, part);
                ASSERT_EQ(run.slices, part);
                model.set(run.first, run.slices, Model::kTaken);
                taken.push_back(run);
            }
        }
        ASSERT_EQ(range_->fresh, model.fresh());
        if (step % 50 != 0) continue;
        for (const RunKind each : kKinds) {
            const Runs expected = model.runs(each);
            ASSERT_EQ(runs(each), expected);
            std::size_t bytes = 0;
            for (const auto& [first, length] : expected) bytes += length * base::kSliceBytes;
            ASSERT_EQ(heap_.free_bytes(each), bytes);
        }
    }
}

TEST_F(PageHeapTest, LengthensTheLongestIdleRunToTheEndOfAGranule) {
    // Idle: two granules, and three with vacant memory behind.
    std::vector<Run> taken;
    for (const std::size_t slices : {64U, 32U, 96U, 128U, 32U}) taken.push_back(fresh(slices));
    put(taken[0], RunKind::kIdle);
    put(taken[2], RunKind::kIdle);
    put(taken[3], RunKind::kVacant);
    EXPECT_EQ(heap_.whole_idle_slices(), 160U);
    EXPECT_EQ(PageHeap::vacant_behind(taken[2]), 128U);
    EXPECT_EQ(PageHeap::vacant_behind(taken[0]), 0U);
    EXPECT_FALSE(heap_.take_lengthened(96 + 129)) << "not as much is vacant";
    const auto joined = heap_.take_lengthened(100);
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->idle.first, taken[2].first);
    EXPECT_EQ(joined->vacant.first, taken[3].first);
    EXPECT_EQ(joined->whole().slices, 128U) << "the last granule is whole";
    EXPECT_EQ(runs(RunKind::kIdle), (Runs{{0, 64}}));
    EXPECT_EQ(runs(RunKind::kVacant), (Runs{{224, 96}}));
}

TEST_F(PageHeapTest, LengthensIntoWhatWasNeverUsed) {
    put(fresh(64), RunKind::kIdle);
    const auto joined = heap_.take_lengthened(65);
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->whole().slices, 96U);
    EXPECT_EQ(range_->fresh, 96U);
}

TEST_F(PageHeapTest, ARunThatEndsInsideAGranuleIsLengthenedOnlyIfMemoryIsMissingAnyway) {
    // What the granule lacks, 22 slices, would have to be new, although two idle granules lie elsewhere.
    std::vector<Run> taken;
    for (const std::size_t slices : {64U, 32U, 74U}) taken.push_back(fresh(slices));
    put(taken[0], RunKind::kIdle);
    put(taken[2], RunKind::kIdle);
    EXPECT_FALSE(heap_.take_lengthened(100));
    const auto joined = heap_.take_lengthened(74 + 64 + 22);
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->idle.first, taken[2].first);
}

TEST_F(PageHeapTest, MemoryOfSlabsIsNotLengthenedButCounts) {
    range_->purpose = Purpose::kCoarseSlab;
    const auto run = heap_.take_fresh(64, 1, Purpose::kCoarseSlab);
    ASSERT_TRUE(run);
    put(*run, RunKind::kIdle);
    EXPECT_FALSE(heap_.take_lengthened(100));
    EXPECT_EQ(heap_.whole_idle_slices(), 64U);
}

}  // namespace
}  // namespace numapool::arena
