// Owns: `numapool doctor`.
// Must not know: how anything is found out.
#include "doctor_command.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "numapool/diagnosis.h"
#include "numapool/version.h"

#include "json_writer.h"
#include "text_table.h"

namespace numapool_cli {
namespace {

using numapool::Diagnosis;
using numapool::Finding;
using numapool::FindingState;

constexpr std::size_t kColumns = 100;
constexpr std::size_t kStateColumns = 9;
constexpr int kMostNodes = 1024;  // as the library counts them

// The finding's text beside its state and subject, its remedy below.
std::string row(const Finding& finding, const std::string& remedy, std::size_t subject_columns) {
    const std::string left = fmt::format("  {:<{}}{:<{}}", to_string(finding.state), kStateColumns,
                                         finding.subject, subject_columns);
    std::string lines = wrapped_text(finding.found, left.size(), kColumns);
    lines.replace(0, left.size(), left);
    if (!remedy.empty()) {
        std::string below = wrapped_text(remedy, left.size() + 3, kColumns);
        below.replace(left.size(), 3, "-> ");
        lines += below;
    }
    return lines;
}

// Long remedies are shown once; later findings name the one that has it.
std::string short_remedy(const Diagnosis& diagnosis, const Finding& finding) {
    const auto same = [&](const Finding& other) { return other.remedy == finding.remedy; };
    const auto first = std::find_if(diagnosis.findings.begin(), diagnosis.findings.end(), same);
    const std::string reference = "as for " + first->subject;
    return &*first == &finding || finding.remedy.size() <= reference.size() ? finding.remedy : reference;
}

// Findings of the machine, or what was asked for.
std::string section(const Diagnosis& diagnosis, bool asked) {
    std::size_t subject_columns = 0;
    for (const Finding& finding : diagnosis.findings) {
        if (finding.asked == asked) subject_columns = std::max(subject_columns, finding.subject.size() + 2);
    }
    std::string lines;
    for (const Finding& finding : diagnosis.findings) {
        if (finding.asked == asked) lines += row(finding, short_remedy(diagnosis, finding), subject_columns);
    }
    return lines;
}

std::string verdict(const Diagnosis& diagnosis) {
    std::size_t limits = 0;
    std::size_t asked = 0;
    std::string failing;
    for (const Finding& finding : diagnosis.findings) {
        const bool cannot = finding.state == FindingState::kCannot;
        asked += finding.asked;
        limits += !finding.asked && (cannot || finding.state == FindingState::kLimited);
        if (finding.asked && cannot) failing += (failing.empty() ? "" : ", ") + finding.subject;
    }
    const std::string machine =
        limits == 0 ? "nothing here limits a pool" : fmt::format("{} above", count_text(limits, "limit"));
    if (asked == 0) return fmt::format("Nothing was asked for; {}.\n", machine);
    if (failing.empty()) return fmt::format("Everything asked for can work; {}.\n", machine);
    return fmt::format("Cannot work: {}; {}.\n", failing, machine);
}

std::string as_screen(const Diagnosis& diagnosis) {
    const std::string asked = section(diagnosis, true);
    return "This machine, this container, this process\n" + section(diagnosis, false) +
           (asked.empty() ? "" : "\nAsked for\n" + asked) + '\n' +
           wrapped_text(verdict(diagnosis), 0, kColumns);
}

std::string as_json(const Diagnosis& diagnosis) {
    JsonWriter json;
    json.begin_object().member("version", numapool::version());
    json.member("everything_asked_works", diagnosis.everything_asked_works);
    json.key("findings").begin_array();
    for (const Finding& finding : diagnosis.findings) {
        json.begin_object().member("subject", finding.subject).member("state", to_string(finding.state));
        json.member("asked", finding.asked).member("found", finding.found);
        json.member("remedy", finding.remedy).end();
    }
    return json.end().end().text();
}

struct Choices {
    bool json = false;
    std::vector<int> nodes;
    std::string bind;
    std::string huge_pages;
    std::optional<std::string> max_bytes;
};

// As NUMAPOOL_MAX_BYTES is written: 512M.
std::size_t bytes_from(const std::string& text) {
    std::size_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    const std::size_t place = std::string_view("KMGT").find(unit.substr(0, 1));
    const bool known =
        unit.empty() || (place != std::string_view::npos && (unit.size() == 1 || unit.substr(1) == "iB"));
    const std::size_t shift = unit.empty() ? 0 : 10 * (place + 1);
    if (error != std::errc() || !known || number > std::numeric_limits<std::size_t>::max() >> shift) {
        throw CLI::ValidationError(
            "--max-bytes",
            fmt::format("\"{}\"; a number of bytes is needed, with K, M, G or T for powers of 1024", text));
    }
    return number << shift;
}

}  // namespace

void add_doctor_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand(
        "doctor", "Tell what will work here, and what to do about what will not; tries it");
    const auto choices = std::make_shared<Choices>();
    command->add_flag("--json", choices->json, "Print JSON");
    command->add_option("--node", choices->nodes, "A node that pages are to be had on; may be repeated")
        ->type_name("N")
        ->allow_extra_args(false)
        ->check(CLI::Range(0, kMostNodes - 1));
    command->add_option("--bind", choices->bind, "A bind mode that is to work")
        ->check(CLI::IsMember({"none", "advisory", "strict"}));
    command->add_option("--huge-pages", choices->huge_pages, "A use of huge pages that is to work")
        ->check(CLI::IsMember({"auto", "never", "always"}));
    command
        ->add_option("--max-bytes", choices->max_bytes,
                     "What a pool is to be able to hold; K, M, G and T may follow")
        ->type_name("BYTES");
    command->footer(
        "Exit status: 0 if everything asked for can work, by these options and by NUMAPOOL_BIND, "
        "NUMAPOOL_HUGE_PAGES, NUMAPOOL_MAX_BYTES and NUMAPOOL_DISABLE; 1 if something cannot; 2 for "
        "wrong usage.");
    command->callback([choices, &status] {
        numapool::DiagnosisRequest request;
        request.nodes = choices->nodes;
        request.bind = numapool::parse_bind_mode(choices->bind);
        request.huge_pages = numapool::parse_huge_pages(choices->huge_pages);
        if (choices->max_bytes) request.max_bytes = bytes_from(*choices->max_bytes);
        const Diagnosis diagnosis = numapool::diagnose(request);
        fmt::print("{}", choices->json ? as_json(diagnosis) : as_screen(diagnosis));
        status = diagnosis.everything_asked_works ? 0 : 1;
    });
}

}  // namespace numapool_cli
