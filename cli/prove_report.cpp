// Owns: all that `numapool prove` found out, and the words for it: what could not be shown here, and the
// verdict. Must not know: tables or JSON.
#include "prove_report.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "text_table.h"

namespace numapool_cli {
namespace {

using numapool::BindMode;

// Elsewhere, by cases of the pool's promise.
struct Elsewhere {
    std::uint64_t unpromised = 0;
    std::uint64_t reported = 0;
};

Elsewhere pages_elsewhere(const PagesResult& pages) {
    Elsewhere sum;
    for (const AskedPages& asked : pages.cases) {
        if (asked.broken()) continue;
        (asked.bind == BindMode::kNone ? sum.unpromised : sum.reported) += asked.pages_elsewhere();
    }
    return sum;
}

void judge_refusals(const PagesResult& pages, Verdict& verdict) {
    std::uint64_t refused = 0;
    const std::string* why = nullptr;
    for (const AskedPages& asked : pages.cases) {
        refused += asked.refused;
        if (why == nullptr && asked.refused > 0) why = &asked.refusal;
    }
    if (why == nullptr) return;
    verdict.sentences.push_back(
        fmt::format("The pool refused {} requests; the first: {}.", grouped(refused), *why));
}

void judge_pages(const ProveReport& report, Verdict& verdict) {
    const PagesResult& pages = report.pages;
    auto& say = verdict.sentences;
    if (pages.disabled) {
        verdict.placement = "disabled";
        say.push_back(
            "NUMAPOOL_DISABLE switches the pool off: this was plain allocation, and nothing is claimed of "
            "where it lies.");
        return;
    }
    if (pages.pages() == 0) {
        verdict.placement = "nothing";
        say.push_back("No page was handed out, so nothing is shown.");
        judge_refusals(pages, verdict);
        return;
    }
    const Elsewhere elsewhere = pages_elsewhere(pages);
    verdict.placement = "right";
    if (pages.elsewhere() == 0 && pages.unverified() == 0) {
        say.push_back(
            fmt::format("Every one of {} pages lay where it was asked for.", grouped(pages.pages())));
    } else {
        say.push_back(fmt::format("{} of {} pages lay where they were asked for.", grouped(pages.right()),
                                  grouped(pages.pages())));
    }
    if (pages.by_mapping() > 0) {
        verdict.placement = "by mapping";
        say.push_back(
            fmt::format("{} of them are known only by what the kernel counts for whole mappings "
                        "(/proc/self/numa_maps), not page by page.",
                        grouped(pages.by_mapping())));
    }
    if (elsewhere.unpromised > 0) {
        verdict.placement = "unpromised";
        say.push_back(fmt::format("{} lay elsewhere under bind none, which promises no node.",
                                  grouped(elsewhere.unpromised)));
    }
    if (elsewhere.reported > 0) {
        verdict.placement = "reported";
        say.push_back(
            fmt::format("{} lay elsewhere, and the pool's statistics tell of it ({} "
                        "fallback_allocations).",
                        grouped(elsewhere.reported), pages.fallback_allocations));
    }
    if (pages.unverified() > 0) {
        verdict.placement = "unverified";
        say.push_back(fmt::format("{} could not be looked up: of them nothing is claimed.",
                                  grouped(pages.unverified())));
    }
    if (pages.broken() > 0) {
        verdict.placement = "broken";
        verdict.failed = true;
        say.push_back(
            fmt::format("FAILED: {} lay elsewhere, and the pool did not tell.", grouped(pages.broken())));
    }
    judge_refusals(pages, verdict);
}

// Pairs of which the samples tell a difference, and the least and the greatest ratio among them.
struct Difference {
    std::size_t pairs = 0;
    double least = 0.0;
    double most = 0.0;

    void add(double ratio) {
        least = pairs == 0 ? ratio : std::min(least, ratio);
        most = pairs == 0 ? ratio : std::max(most, ratio);
        ++pairs;
    }
    std::string text(const char* what, std::size_t of_pairs) const {
        if (pairs == 0) return fmt::format("no difference in {} beyond the spread", what);
        const std::string ratios =
            pairs == 1 ? fmt::format("{:.2f}", least) : fmt::format("{:.2f} to {:.2f}", least, most);
        return fmt::format("{} times the {} in {} of {}", ratios, what, pairs,
                           count_text(of_pairs, "remote pair"));
    }
};

void judge_speed(const ProveReport& report, Verdict& verdict) {
    Difference bandwidth;
    Difference latency;
    std::size_t compared = 0;
    for (const PairSpeed& pair : report.speed.pairs) {
        const auto ratio = remote_ratio(report.speed, pair);
        if (!ratio) continue;
        ++compared;
        if (ratio->bandwidth_apart) bandwidth.add(ratio->bandwidth);
        if (ratio->latency_apart) latency.add(ratio->latency);
    }
    if (compared == 0) return;
    verdict.sentences.push_back(
        fmt::format("Another node's memory against the node's own, by medians: {}, {}.",
                    bandwidth.text("bandwidth", compared), latency.text("latency", compared)));
}

void judge_reuse(const ProveReport& report, Verdict& verdict) {
    if (!report.reuse.across_nodes) return;
    std::string text;
    for (const AllocatorReuse& allocator : report.reuse.allocators) {
        std::uint64_t right = 0;
        std::uint64_t elsewhere = 0;
        for (const ReuseCase& one : allocator.cases) {
            right += one.right;
            elsewhere += one.elsewhere;
        }
        if (right + elsewhere == 0 || !allocator.complete) continue;
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : ", ", allocator.name, share_text(right, elsewhere));
    }
    if (text.empty()) return;
    verdict.sentences.push_back(fmt::format(
        "After buffers came back to threads of another node, the next ones' pages were local: {}.", text));
}

}  // namespace

std::vector<std::string> limits_of_pages(const ProveReport& report) {
    std::vector<std::string> limits = report.pages.notes;
    if (report.pages.disabled) limits.emplace_back("NUMAPOOL_DISABLE is set: there is no pool to look at");
    if (report.machine.memory_nodes.size() == 1) {
        limits.push_back(fmt::format(
            "memory is on node {} alone: pages could lie nowhere else, and there is nothing to interleave",
            report.machine.memory_nodes.front()));
    }
    if (report.pages.left_out > 0) {
        limits.push_back(fmt::format("{} could not be tried; --seconds gives more time",
                                     count_text(report.pages.left_out, "pair of nodes")));
    }
    return limits;
}

std::vector<std::string> limits_of_speed(const ProveReport& report) {
    std::vector<std::string> limits = report.speed.notes;
    if (report.machine.memory_nodes.size() == 1) {
        limits.emplace_back("there is one node with memory: local against remote cannot be compared");
    }
    for (const SpeedBuffer& buffer : report.speed.buffers) {
        if (!buffer.dropped.empty()) {
            limits.push_back(fmt::format("memory of node {} was not read: {}", buffer.node, buffer.dropped));
        } else if (!buffer.verified()) {
            limits.push_back(fmt::format("not all of node {}'s buffer could be looked up: no ratios with it",
                                         buffer.node));
        }
        if (buffer.dropped.empty() && buffer.bytes < 4 * report.machine.last_level_cache_bytes) {
            limits.push_back(fmt::format(
                "the buffer on node {} has {}, the last-level cache {}: figures are the cache's in part",
                buffer.node, bytes_text(buffer.bytes), bytes_text(report.machine.last_level_cache_bytes)));
        }
    }
    if (report.machine.memory_nodes.size() > 1 && !report.speed.pairs.empty() &&
        report.speed.pairs.back().gib_per_second.size() < 5) {
        limits.emplace_back("fewer than 5 rounds: no differences are told; --seconds gives more time");
    }
    return limits;
}

std::vector<std::string> limits_of_reuse(const ProveReport& report) {
    std::vector<std::string> limits;
    if (!report.reuse.skipped.empty())
        limits.push_back(fmt::format("not measured: {}", report.reuse.skipped));
    if (!report.reuse.across_nodes && report.reuse.skipped.empty()) {
        limits.emplace_back(
            "there is one node with CPUs and memory: both threads were on it, and every page is local, "
            "whoever allocates; what shows is page faults");
    }
    for (const AllocatorReuse& allocator : report.reuse.allocators) {
        if (!allocator.failure.empty()) {
            limits.push_back(fmt::format("{} was not measured{}: {}", allocator.name,
                                         allocator.cases.empty() ? "" : " to the end", allocator.failure));
        } else if (!allocator.complete) {
            limits.push_back(fmt::format("{}: not every pair of nodes was reached; --seconds gives more time",
                                         allocator.name));
        }
    }
    const bool unknown = std::any_of(
        report.reuse.allocators.begin(), report.reuse.allocators.end(), [](const AllocatorReuse& allocator) {
            return std::any_of(allocator.cases.begin(), allocator.cases.end(),
                               [](const ReuseCase& one) { return one.unknown > 0; });
        });
    if (unknown) limits.emplace_back("pages could not be looked up: of them nothing is claimed");
    return limits;
}

std::optional<RemoteRatio> remote_ratio(const SpeedResult& speed, const PairSpeed& pair) {
    const PairSpeed* const local = speed.pair(pair.cpu_node, pair.cpu_node);
    if (local == nullptr || local == &pair || pair.cpu_node == pair.memory_node) return std::nullopt;
    const SpeedBuffer* const there = speed.buffer_on(pair.memory_node);
    const SpeedBuffer* const here = speed.buffer_on(pair.cpu_node);
    if (there == nullptr || here == nullptr || !there->verified() || !here->verified()) return std::nullopt;
    const auto bandwidth = spread_of(pair.gib_per_second);
    const auto latency = spread_of(pair.ns_per_load);
    const auto local_bandwidth = spread_of(local->gib_per_second);
    const auto local_latency = spread_of(local->ns_per_load);
    if (!bandwidth || !latency || !local_bandwidth || !local_latency) return std::nullopt;
    return RemoteRatio{.bandwidth = bandwidth->median / local_bandwidth->median,
                       .latency = latency->median / local_latency->median,
                       .bandwidth_apart = bandwidth->apart_from(*local_bandwidth),
                       .latency_apart = latency->apart_from(*local_latency)};
}

Verdict verdict_of(const ProveReport& report) {
    Verdict verdict;
    judge_pages(report, verdict);
    if (verdict.placement == "right" && report.machine.memory_nodes.size() == 1) {
        verdict.sentences.emplace_back(
            "With memory on one node alone this shows nothing of placement; run it on a machine with "
            "several.");
    }
    judge_speed(report, verdict);
    judge_reuse(report, verdict);
    return verdict;
}

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
    return digits;
}

std::string share_text(std::uint64_t right, std::uint64_t elsewhere) {
    if (right + elsewhere == 0) return "-";
    const double share = static_cast<double>(right) / static_cast<double>(right + elsewhere);
    return elsewhere == 0 ? "100%" : fmt::format("{:.1f}%", std::floor(share * 1000.0) / 10.0);
}

}  // namespace numapool_cli
