// Owns: buffers that pass between threads of two nodes, and where the next ones lie then, for any allocator.
// Must not know: which allocators there are.
#include "reuse_rounds.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <sstream>

#include <fmt/format.h>

#include "numapool/errors.h"

#include "bound_thread.h"
#include "touched_pages.h"

namespace numapool_cli {
namespace {

constexpr int kRoundsInAPass = 8;

std::uint64_t faults_of_this_thread() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return static_cast<std::uint64_t>(usage.ru_minflt);
}

/// The buffers that one thread holds; what is left is given back at the end, by whichever thread.
class Holding {
public:
    Holding(const ReuseAllocator& allocator, const ReuseSize& size) : allocator_(&allocator), size_(size) {
        blocks_.reserve(size.buffers);
    }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;
    ~Holding() { give(); }

    void take_and_touch() {
        while (blocks_.size() < size_.buffers) {
            void* const memory = allocator_->take(size_.bytes);
            if (memory == nullptr) throw std::bad_alloc();
            blocks_.emplace_back(static_cast<std::byte*>(memory), size_.bytes);
        }
        touch_pages(blocks_);
    }
    void give() {
        for (const Block& block : blocks_) allocator_->give(block.data());
        blocks_.clear();
    }
    numapool::PageMap look_up() const { return look_up_whole_pages(blocks_); }

private:
    const ReuseAllocator* allocator_;
    ReuseSize size_;
    std::vector<Block> blocks_;
};

using Threads = std::map<int, std::unique_ptr<BoundThread>>;  // by node

BoundThread& thread_on(int node, Threads& threads) {
    std::unique_ptr<BoundThread>& thread = threads[node];
    if (!thread) thread = std::make_unique<BoundThread>(node);
    return *thread;
}

void run_rounds(const ReuseAllocator& allocator, const ReuseSize& size, Threads& firsts, Threads& seconds,
                ReuseCase& result) {
    Holding theirs(allocator, size);
    Holding own(allocator, size);
    for (int round = 0; round < kRoundsInAPass; ++round) {
        std::uint64_t faults = 0;
        thread_on(result.first_node, firsts).run([&] {
            const std::uint64_t before = faults_of_this_thread();
            theirs.take_and_touch();
            faults += faults_of_this_thread() - before;
            if (result.handover != Handover::kFreedBySecond) theirs.give();
        });
        if (result.handover == Handover::kFirstEnded) firsts.clear();
        thread_on(result.second_node, seconds).run([&] {
            theirs.give();
            const std::uint64_t before = faults_of_this_thread();
            own.take_and_touch();
            faults += faults_of_this_thread() - before;
            const numapool::PageMap found = own.look_up();
            const std::vector<int> home{result.second_node};
            const std::uint64_t right = pages_on(found, home);
            result.right += right;
            result.elsewhere += found.total() - found.absent - found.unknown - right;
            result.absent += found.absent;
            result.unknown += found.unknown;
            own.give();
        });
        ++result.rounds;
        if (round == 0) continue;
        ++result.warm_rounds;
        result.warm_faults += faults;
    }
}

void add(std::vector<ReuseCase>& cases, const ReuseCase& one) {
    const auto same = [&](const ReuseCase& other) {
        return other.first_node == one.first_node && other.second_node == one.second_node &&
               other.bytes == one.bytes && other.handover == one.handover;
    };
    const auto found = std::find_if(cases.begin(), cases.end(), same);
    if (found == cases.end()) {
        cases.push_back(one);
        return;
    }
    found->rounds += one.rounds;
    found->right += one.right;
    found->elsewhere += one.elsewhere;
    found->absent += one.absent;
    found->unknown += one.unknown;
    found->warm_rounds += one.warm_rounds;
    found->warm_faults += one.warm_faults;
}

}  // namespace

const char* to_string(Handover handover) noexcept {
    switch (handover) {
        case Handover::kFreedByFirst:
            return "first";
        case Handover::kFreedBySecond:
            return "second";
        case Handover::kFirstEnded:
            return "ended";
    }
    return "unknown";
}

std::string ReusePlan::word() const {
    std::string text = fmt::format("{}/{:.3f}/{}/", to_string(handover), seconds, passes);
    for (const auto& [first, second] : pairs) text += fmt::format("{}-{},", first, second);
    text += '/';
    for (const ReuseSize& size : sizes) text += fmt::format("{}x{},", size.bytes, size.buffers);
    return text;
}

ReusePlan ReusePlan::from(const std::string& word) {
    ReusePlan plan;
    std::istringstream text(word);
    char mark = ' ';
    const auto expect = [&](char wanted) { return static_cast<bool>(text >> mark) && mark == wanted; };
    std::string handover;
    std::getline(text, handover, '/');
    const auto meant = std::find_if(std::begin(kHandovers), std::end(kHandovers),
                                    [&](Handover possible) { return handover == to_string(possible); });
    bool well = meant != std::end(kHandovers) && static_cast<bool>(text >> plan.seconds) && expect('/') &&
                static_cast<bool>(text >> plan.passes) && expect('/');
    if (well) plan.handover = *meant;
    while (well && text.peek() != '/') {
        auto& [first, second] = plan.pairs.emplace_back();
        well = static_cast<bool>(text >> first) && expect('-') && static_cast<bool>(text >> second) &&
               expect(',');
    }
    well = well && expect('/');
    while (well && text.peek() != std::istringstream::traits_type::eof()) {
        ReuseSize& size = plan.sizes.emplace_back();
        well = static_cast<bool>(text >> size.bytes) && expect('x') &&
               static_cast<bool>(text >> size.buffers) && expect(',');
    }
    if (!well || plan.pairs.empty() || plan.sizes.empty()) {
        throw numapool::ArgumentError(
            numapool::ErrorCode::kInvalidOption,
            fmt::format("--measure-malloc \"{}\" is no plan; one is HANDOVER/SECONDS/PASSES/FIRST-SECOND,.../"
                        "BYTESxBUFFERS,..., for instance second/2/1/0-1,1-0,/65536x8,",
                        word));
    }
    return plan;
}

std::vector<ReuseCase> measure_reuse(const ReuseAllocator& allocator, const ReusePlan& plan) {
    std::vector<ReuseCase> cases;
    Threads firsts;
    Threads seconds;
    const Deadline deadline(plan.seconds);
    for (std::size_t pass = 0; pass < plan.passes; ++pass) {
        for (const auto& [first, second] : plan.pairs) {
            for (const ReuseSize& size : plan.sizes) {
                if (deadline.passed()) return cases;
                ReuseCase one{.first_node = first,
                              .second_node = second,
                              .bytes = size.bytes,
                              .handover = plan.handover};
                run_rounds(allocator, size, firsts, seconds, one);
                add(cases, one);
            }
        }
    }
    return cases;
}

}  // namespace numapool_cli
