// Owns: `numapool topology`.
// Must not know: how a topology is learnt.
#include "topology_command.h"

#include <memory>
#include <string>

#include <fmt/format.h>

#include "numapool/topology.h"
#include "numapool/version.h"

#include "json_writer.h"
#include "text_table.h"

namespace numapool_cli {
namespace {

using numapool::NumaNode;
using numapool::Topology;

std::string heading(const Topology& machine) {
    std::size_t cpus = 0;
    std::uint64_t total_bytes = 0;
    for (const NumaNode& node : machine.nodes) {
        cpus += node.cpus.size();
        total_bytes += node.total_bytes;
    }
    return fmt::format("{}, {}, {} of memory ({})\n", count_text(machine.nodes.size(), "NUMA node"),
                       count_text(cpus, "CPU"), bytes_text(total_bytes), machine.source);
}

std::string remark(const NumaNode& node) {
    if (!node.allowed) return "memory not allowed for this process";
    if (node.total_bytes == 0) return "no memory";
    return "";
}

bool knows_free_memory(const NumaNode& node) { return node.free_bytes > 0 || node.total_bytes == 0; }

std::string nodes_table(const Topology& machine) {
    TextTable table({"Node", "Memory", "Free", "CPUs", "Numbers", ""},
                    {Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
    for (const NumaNode& node : machine.nodes) {
        table.add_row({std::to_string(node.id), bytes_text(node.total_bytes),
                       knows_free_memory(node) ? bytes_text(node.free_bytes) : "-",
                       std::to_string(node.cpus.size()), ranges_text(node.cpus), remark(node)});
    }
    return table.text();
}

std::string distances_table(const Topology& machine) {
    if (machine.distances.empty()) return "Distances: unknown\n";
    std::vector<std::string> headings{"from\\to"};
    for (const NumaNode& node : machine.nodes) headings.push_back(std::to_string(node.id));
    TextTable table(headings, std::vector<Align>(headings.size(), Align::kRight));
    for (std::size_t from = 0; from < machine.distances.size(); ++from) {
        std::vector<std::string> cells{std::to_string(machine.nodes[from].id)};
        for (const std::uint64_t distance : machine.distances[from])
            cells.push_back(std::to_string(distance));
        table.add_row(std::move(cells));
    }
    return "Distances (10 = local)\n" + table.text();
}

std::string pages_table(const Topology& machine) {
    TextTable table({"Pages", bytes_text(machine.page_bytes)}, {Align::kLeft, Align::kLeft});
    std::string transparent = machine.transparent_huge_pages;
    if (machine.huge_page_bytes > 0) transparent += fmt::format(", {}", bytes_text(machine.huge_page_bytes));
    table.add_row({"Transparent huge pages", transparent});
    std::string reserved;
    for (const NumaNode& node : machine.nodes) {
        if (node.huge_pages_total == 0) continue;
        reserved += fmt::format("{}node {}: {} of {} free", reserved.empty() ? "" : "; ", node.id,
                                node.huge_pages_free, node.huge_pages_total);
    }
    table.add_row({"Reserved huge pages", reserved.empty() ? "none" : reserved});
    return table.text();
}

std::string as_screen(const Topology& machine, bool described) {
    const std::string screen =
        heading(machine) + '\n' + nodes_table(machine) + '\n' + distances_table(machine);
    return described ? screen : screen + '\n' + "Huge pages\n" + pages_table(machine);
}

std::string as_json(const Topology& machine) {
    JsonWriter json;
    json.begin_object();
    json.member("version", numapool::version()).member("source", machine.source);
    json.member("page_bytes", machine.page_bytes).member("huge_page_bytes", machine.huge_page_bytes);
    json.member("transparent_huge_pages", machine.transparent_huge_pages);
    json.key("nodes").begin_array();
    for (const NumaNode& node : machine.nodes) {
        json.begin_object().member("id", node.id).key("cpus").begin_row();
        for (const int cpu : node.cpus) json.value(cpu);
        json.end().member("total_bytes", node.total_bytes).key("free_bytes");
        if (knows_free_memory(node)) {
            json.value(node.free_bytes);
        } else {
            json.null();
        }
        json.member("allowed", node.allowed).member("huge_pages_total", node.huge_pages_total);
        json.member("huge_pages_free", node.huge_pages_free).end();
    }
    json.end().key("distances").begin_array();
    for (const auto& row : machine.distances) {
        json.begin_row();
        for (const std::uint64_t distance : row) json.value(distance);
        json.end();
    }
    return json.end().end().text();
}

struct Choices {
    bool json = false;
    std::string description;
};

}  // namespace

void add_topology_command(CLI::App& app) {
    CLI::App* const command =
        app.add_subcommand("topology", "Show NUMA nodes, CPUs, memory, distances, huge pages");
    const auto choices = std::make_shared<Choices>();
    command->add_flag("--json", choices->json, "Print JSON");
    const CLI::Option* const synthetic =
        command
            ->add_option(
                "--synthetic", choices->description,
                "Show a machine in hwloc's synthetic syntax instead, for instance \"numa:4 core:2 pu:1\"")
            ->type_name("DESCRIPTION");
    command->callback([choices, synthetic] {
        const bool described = synthetic->count() > 0;
        const Topology machine =
            described ? numapool::synthetic_topology(choices->description) : numapool::discover_topology();
        fmt::print("{}", choices->json ? as_json(machine) : as_screen(machine, described));
    });
}

}  // namespace numapool_cli
