// Owns: what `numapool prove` puts on the screen, part by part.
// Must not know: how anything was measured.
#include "prove_screen.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "numapool/version.h"

#include "text_table.h"
#include "touched_pages.h"

namespace numapool_cli {
namespace {

constexpr std::size_t kColumns = 100;

std::string heading(const char* text) { return fmt::format("\n{}\n", text); }

std::string remarks(const std::vector<std::string>& texts) {
    std::string lines;
    for (const std::string& text : texts) lines += wrapped_text("note: " + text, 2, kColumns);
    return lines;
}

/// All cases that asked for the same pages, whichever thread and size.
struct AskedRow {
    std::set<int> threads;
    numapool::PageMap found;
    std::uint64_t right = 0;
    std::uint64_t refused = 0;
};

std::string medians(const std::optional<Spread>& spread, int digits) {
    return spread ? fmt::format("{:.{}f}", spread->median, digits) : "-";
}

std::string quartiles(const std::optional<Spread>& spread, int digits) {
    return spread ? fmt::format("{:.{}f}-{:.{}f}", spread->low, digits, spread->high, digits) : "-";
}

const char* handover_text(Handover handover) {
    switch (handover) {
        case Handover::kFreedByFirst:
            return "freed by first";
        case Handover::kFreedBySecond:
            return "freed by second";
        case Handover::kFirstEnded:
            return "first ended";
    }
    return "";
}

std::string faults_text(const ReuseCase& sum) {
    if (sum.warm_rounds == 0) return "-";
    return fmt::format("{:.1f}", static_cast<double>(sum.warm_faults) / static_cast<double>(sum.warm_rounds));
}

}  // namespace

std::string machine_screen(const ProveReport& report) {
    const ProveMachine& machine = report.machine;
    std::string screen = fmt::format("numapool {} on {}{}\n{}, {}, {}\n", numapool::version(),
                                     machine.cpu_model, machine.virtual_machine ? " (a virtual machine)" : "",
                                     machine.kernel, machine.c_library, machine.topology.source);
    screen += fmt::format("CPUs on nodes {}, memory on nodes {}, transparent huge pages: {}\n",
                          ranges_text(machine.cpu_nodes), ranges_text(machine.memory_nodes),
                          machine.topology.transparent_huge_pages);
    for (const auto& [name, value] : machine.setting) screen += fmt::format("{}={}\n", name, value);
    return screen;
}

std::string pages_screen(const ProveReport& report) {
    std::string screen = heading("1. Asked for, and found");
    screen += wrapped_text(
        fmt::format("Pages of {}, each touched by a thread bound to a node, then looked up by {}.",
                    bytes_text(report.machine.page_bytes()), kLookedUpBy),
        2, kColumns);
    std::vector<std::tuple<std::string, numapool::BindMode, std::vector<int>>> order;
    std::map<std::tuple<std::string, numapool::BindMode, std::vector<int>>, AskedRow> rows;
    std::set<int> columns(report.machine.memory_nodes.begin(), report.machine.memory_nodes.end());
    for (const AskedPages& asked : report.pages.cases) {
        const std::tuple key(asked.ask, asked.bind, asked.right);
        if (!rows.contains(key)) order.push_back(key);
        AskedRow& row = rows[key];
        row.threads.insert(asked.thread_node);
        add_pages(row.found, asked.found);
        row.right += asked.pages_right();
        row.refused += asked.refused;
        for (const auto& [node, pages] : asked.found.pages_on) columns.insert(node);
    }
    // One node's memory first, then the threads' own, then that of several.
    const auto rank = [](const auto& key) {
        const std::string& ask = std::get<0>(key);
        return std::tuple(ask.starts_with("node")      ? 0
                          : ask.starts_with("current") ? 1
                                                       : 2,
                          std::get<2>(key), std::get<1>(key), ask);
    };
    std::sort(order.begin(), order.end(),
              [&](const auto& left, const auto& right) { return rank(left) < rank(right); });
    std::vector<std::string> headings{"Asked for", "Bind", "Threads on"};
    std::vector<Align> alignments{Align::kLeft, Align::kLeft, Align::kLeft};
    for (const int node : columns) headings.push_back(fmt::format("On {}", node));
    for (const char* const name : {"Absent", "Unknown", "Refused", "Right"}) headings.emplace_back(name);
    alignments.resize(headings.size(), Align::kRight);
    TextTable table(headings, alignments);
    for (const auto& key : order) {
        const AskedRow& row = rows[key];
        const std::vector<int> threads(row.threads.begin(), row.threads.end());
        std::vector<std::string> cells{std::get<0>(key), numapool::to_string(std::get<1>(key)),
                                       ranges_text(threads)};
        for (const int node : columns) {
            const auto found = row.found.pages_on.find(node);
            cells.push_back(found == row.found.pages_on.end() ? "." : grouped(found->second));
        }
        const std::uint64_t located = row.found.total() - row.found.absent - row.found.unknown;
        for (const std::uint64_t count : {row.found.absent, row.found.unknown, row.refused}) {
            cells.push_back(count == 0 ? "." : grouped(count));
        }
        cells.push_back(share_text(row.right, located - row.right));
        table.add_row(std::move(cells));
    }
    if (!order.empty()) screen += table.text();
    return screen + remarks(limits_of_pages(report));
}

std::string speed_screen(const ProveReport& report) {
    const SpeedResult& speed = report.speed;
    std::string screen = heading("2. Local and remote memory");
    std::size_t threads = 0;
    for (const PairSpeed& pair : speed.pairs) threads = std::max(threads, pair.threads);
    if (!speed.pairs.empty()) {
        std::string buffers;
        for (const SpeedBuffer& buffer : speed.buffers) {
            if (!buffer.dropped.empty()) continue;
            buffers += fmt::format("{}{} on node {}", buffers.empty() ? "" : ", ", bytes_text(buffer.bytes),
                                   buffer.node);
        }
        screen += wrapped_text(
            fmt::format("Pooled buffers: {}. Bandwidth: all CPUs of the node ({} at most) read a part each. "
                        "Latency: one CPU follows pointers in random order through {} at most. {} of {:.0f} "
                        "ms each; medians and quartiles{}.",
                        buffers, threads, bytes_text(speed.buffers.front().chain_bytes),
                        count_text(speed.rounds, "round"), speed.slice_seconds * 1000.0,
                        report.machine.memory_nodes.size() > 1 ? " (~: within the spread of local)" : ""),
            2, kColumns);
        TextTable table({"CPUs of", "Memory of", "GiB/s", "", "Of local", "ns a load", "", "Of local"},
                        {Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kRight,
                         Align::kRight, Align::kLeft, Align::kRight});
        for (const PairSpeed& pair : speed.pairs) {
            const auto bandwidth = spread_of(pair.gib_per_second);
            const auto latency = spread_of(pair.ns_per_load);
            const auto ratio = remote_ratio(speed, pair);
            const bool local = pair.cpu_node == pair.memory_node;
            const auto ratio_text = [&](double value, bool apart) {
                return fmt::format("{:.2f}{}", value, apart ? "  " : " ~");
            };
            table.add_row({std::to_string(pair.cpu_node), std::to_string(pair.memory_node),
                           medians(bandwidth, 2), quartiles(bandwidth, 2),
                           local   ? "local"
                           : ratio ? ratio_text(ratio->bandwidth, ratio->bandwidth_apart)
                                   : "-",
                           medians(latency, 1), quartiles(latency, 1),
                           local   ? "local"
                           : ratio ? ratio_text(ratio->latency, ratio->latency_apart)
                                   : "-"});
        }
        screen += table.text();
    }
    return screen + remarks(limits_of_speed(report));
}

std::string reuse_screen(const ProveReport& report) {
    const ReuseResult& reuse = report.reuse;
    std::string screen = heading("3. Buffers that come back to another thread");
    if (reuse.skipped.empty()) {
        std::string counts;
        for (const ReuseSize& size : reuse.sizes) {
            counts +=
                fmt::format("{}{} of {}", counts.empty() ? "" : ", ", size.buffers, bytes_text(size.bytes));
        }
        screen += wrapped_text(
            fmt::format(
                "A first thread {} fills buffers ({}). They are freed by it, or by the second thread, "
                "or by it before it ends. Then the second thread, {}, asks for as many and fills them. "
                "{}Page faults of both a round, but for each pass's first round.",
                reuse.across_nodes ? "on one node" : "on the node", counts,
                reuse.across_nodes ? "on another node" : "on the same node",
                reuse.across_nodes ? "Local: the second thread's pages on its own node. " : ""),
            2, kColumns);
        std::vector<std::string> headings{"Allocator", "Then"};
        std::vector<Align> alignments{Align::kLeft, Align::kLeft};
        for (const ReuseSize& size : reuse.sizes) {
            headings.push_back(bytes_text(size.bytes) + (reuse.across_nodes ? ": local" : ":"));
            headings.emplace_back("faults");
        }
        alignments.resize(headings.size(), Align::kRight);
        TextTable table(headings, alignments);
        for (const AllocatorReuse& allocator : reuse.allocators) {
            if (allocator.cases.empty()) continue;
            for (const Handover handover : kHandovers) {
                std::vector<std::string> cells{allocator.name, handover_text(handover)};
                for (const ReuseSize& size : reuse.sizes) {
                    const ReuseCase sum = sum_of_cases(allocator, size.bytes, handover);
                    cells.push_back(reuse.across_nodes ? share_text(sum.right, sum.elsewhere) : "");
                    cells.push_back(faults_text(sum));
                }
                table.add_row(std::move(cells));
            }
        }
        screen += table.text();
    }
    return screen + remarks(limits_of_reuse(report));
}

std::string verdict_screen(const ProveReport& report) {
    std::string screen;
    if (!report.messages.empty()) {
        screen += heading("The library told");
        for (const std::string& message : report.messages) screen += wrapped_text(message, 2, kColumns);
    }
    screen += heading("Verdict");
    for (const std::string& sentence : report.verdict.sentences) {
        screen += wrapped_text(sentence, 2, kColumns);
    }
    return screen + fmt::format("  ({:.0f} seconds)\n", report.seconds_taken);
}

}  // namespace numapool_cli
