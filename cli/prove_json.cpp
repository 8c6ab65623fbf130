// Owns: what `numapool prove` found out, as JSON to share.
// Must not know: how anything was measured.
#include "prove_json.h"

#include <optional>

#include "numapool/version.h"

#include "json_writer.h"

namespace numapool_cli {
namespace {

template <class Values>
void row(JsonWriter& json, std::string_view name, const Values& values) {
    json.key(name).begin_row();
    for (const auto& value : values) json.value(value);
    json.end();
}

void texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& values) {
    json.key(name).begin_array();
    for (const std::string& value : values) json.value(value);
    json.end();
}

void pages_on(JsonWriter& json, std::string_view name, const std::map<int, std::uint64_t>& pages) {
    json.key(name).begin_object();
    for (const auto& [node, count] : pages) json.member(std::to_string(node), count);
    json.end();
}

void spread(JsonWriter& json, std::string_view name, const std::vector<double>& samples) {
    const std::optional<Spread> found = spread_of(samples);
    if (!found) {
        json.key(name).null();
        return;
    }
    json.key(name).begin_object().member("median", found->median).member("quartile_low", found->low);
    json.member("quartile_high", found->high).member("samples", found->samples).end();
}

void write_machine(JsonWriter& json, const ProveMachine& machine) {
    json.key("machine").begin_object().member("cpu_model", machine.cpu_model);
    json.member("virtual_machine", machine.virtual_machine).member("kernel", machine.kernel);
    json.member("c_library", machine.c_library).member("topology_source", machine.topology.source);
    json.member("page_bytes", machine.page_bytes());
    json.member("transparent_huge_pages", machine.topology.transparent_huge_pages);
    json.member("last_level_cache_bytes", machine.last_level_cache_bytes);
    row(json, "cpu_nodes", machine.cpu_nodes);
    row(json, "memory_nodes", machine.memory_nodes);
    json.key("nodes").begin_array();
    for (const numapool::NumaNode& node : machine.topology.nodes) {
        json.begin_object().member("id", node.id).member("cpus", node.cpus.size());
        json.member("total_bytes", node.total_bytes).member("free_bytes", node.free_bytes);
        json.member("allowed", node.allowed).end();
    }
    json.end().key("distances").begin_array();
    for (const auto& distances : machine.topology.distances) {
        json.begin_row();
        for (const std::uint64_t distance : distances) json.value(distance);
        json.end();
    }
    json.end().key("environment").begin_object();
    for (const auto& [name, value] : machine.setting) json.member(name, value);
    json.end().end();
}

void write_pages(JsonWriter& json, const ProveReport& report) {
    const PagesResult& pages = report.pages;
    json.key("pages").begin_object().member("looked_up_by", kLookedUpBy);
    json.member("pool_disabled", pages.disabled).member("pool_bind", numapool::to_string(pages.pool_bind));
    json.member("pages", pages.pages()).member("right", pages.right()).member("elsewhere", pages.elsewhere());
    json.member("unverified", pages.unverified()).member("broken", pages.broken());
    json.member("by_mapping", pages.by_mapping());
    json.member("fallback_allocations", pages.fallback_allocations);
    json.key("cases").begin_array();
    for (const AskedPages& asked : pages.cases) {
        json.begin_object().member("ask", asked.ask).member("bind", numapool::to_string(asked.bind));
        json.member("thread_node", asked.thread_node).member("buffer_bytes", asked.buffer_bytes);
        row(json, "right_nodes", asked.right);
        row(json, "weights", asked.weights);
        json.member("buffers", asked.buffers).member("refused", asked.refused);
        json.member("refusal", asked.refusal).member("pages", asked.found.total());
        pages_on(json, "found", asked.found.pages_on);
        json.member("absent", asked.found.absent).member("unknown", asked.found.unknown);
        json.member("right", asked.pages_right()).member("elsewhere", asked.pages_elsewhere());
        json.member("reported", asked.reported).end();
    }
    json.end().key("own_check").begin_array();
    for (const numapool::PlacementCheck& check : pages.own_check) {
        json.begin_object().member("node", check.node);
        row(json, "interleaved_over", check.interleaved_over);
        pages_on(json, "found", check.pages_on);
        json.member("home", check.home).member("elsewhere", check.elsewhere);
        json.member("unknown", check.unknown).end();
    }
    json.end();
    texts(json, "limits", limits_of_pages(report));
    json.end();
}

void write_speed(JsonWriter& json, const ProveReport& report) {
    const SpeedResult& speed = report.speed;
    json.key("speed").begin_object().member("rounds", speed.rounds);
    json.member("slice_seconds", speed.slice_seconds).key("buffers").begin_array();
    for (const SpeedBuffer& buffer : speed.buffers) {
        json.begin_object().member("node", buffer.node).member("bytes", buffer.bytes);
        json.member("chain_bytes", buffer.chain_bytes).member("verified", buffer.verified());
        json.member("evidence", numapool::to_string(buffer.found.evidence));
        pages_on(json, "found", buffer.found.pages_on);
        json.member("absent", buffer.found.absent).member("unknown", buffer.found.unknown);
        json.member("dropped", buffer.dropped).end();
    }
    json.end().key("pairs").begin_array();
    for (const PairSpeed& pair : speed.pairs) {
        json.begin_object().member("cpu_node", pair.cpu_node).member("memory_node", pair.memory_node);
        json.member("threads", pair.threads);
        spread(json, "gib_per_second", pair.gib_per_second);
        spread(json, "ns_per_load", pair.ns_per_load);
        json.key("of_local");
        if (const auto ratio = remote_ratio(speed, pair)) {
            json.begin_object().member("bandwidth", ratio->bandwidth).member("latency", ratio->latency);
            json.member("bandwidth_quartiles_apart", ratio->bandwidth_apart);
            json.member("latency_quartiles_apart", ratio->latency_apart).end();
        } else {
            json.null();
        }
        json.end();
    }
    json.end();
    texts(json, "limits", limits_of_speed(report));
    json.end();
}

void write_reuse(JsonWriter& json, const ProveReport& report) {
    const ReuseResult& reuse = report.reuse;
    json.key("reuse").begin_object().member("across_nodes", reuse.across_nodes);
    json.key("sizes").begin_array();
    for (const ReuseSize& size : reuse.sizes) {
        json.begin_object().member("bytes", size.bytes).member("buffers", size.buffers).end();
    }
    json.end().key("allocators").begin_array();
    for (const AllocatorReuse& allocator : reuse.allocators) {
        json.begin_object().member("name", allocator.name).member("file", allocator.file);
        json.member("failure", allocator.failure).member("complete", allocator.complete);
        json.key("cases").begin_array();
        for (const ReuseCase& one : allocator.cases) {
            json.begin_object().member("first_node", one.first_node).member("second_node", one.second_node);
            json.member("bytes", one.bytes).member("handover", to_string(one.handover));
            json.member("rounds", one.rounds).member("pages_right", one.right);
            json.member("pages_elsewhere", one.elsewhere).member("pages_absent", one.absent);
            json.member("pages_unknown", one.unknown).member("warm_rounds", one.warm_rounds);
            json.member("warm_faults", one.warm_faults).end();
        }
        json.end().end();
    }
    json.end();
    texts(json, "limits", limits_of_reuse(report));
    json.end();
}

}  // namespace

std::string prove_json(const ProveReport& report) {
    JsonWriter json;
    json.begin_object().member("numapool", numapool::version()).member("command", "prove");
    json.member("quick", report.quick).member("seconds_allowed", report.seconds_allowed);
    json.member("seconds_taken", report.seconds_taken);
    write_machine(json, report.machine);
    write_pages(json, report);
    write_speed(json, report);
    write_reuse(json, report);
    texts(json, "messages", report.messages);
    json.key("verdict").begin_object().member("placement", report.verdict.placement);
    json.member("failed", report.verdict.failed);
    texts(json, "sentences", report.verdict.sentences);
    return json.end().end().text();
}

}  // namespace numapool_cli
