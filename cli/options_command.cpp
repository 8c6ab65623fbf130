// Owns: `numapool options`, and with it the page docs/reference/options.md.
// Must not know: any option; the library describes them.
#include "options_command.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "numapool/options.h"

#include "text_table.h"

namespace numapool_cli {
namespace {

using numapool::OptionDescription;

constexpr std::size_t kColumns = 80;
constexpr std::size_t kIndent = 6;

std::string list_entry(const OptionDescription& row, const char* title, const char* also) {
    std::string entry = fmt::format("  {}", title);
    if (also != nullptr) entry += fmt::format("  ({})", also);
    return entry + '\n' + wrapped_text(row.meaning, kIndent, kColumns) +
           wrapped_text(fmt::format("Values: {}", row.values), kIndent, kColumns) +
           wrapped_text(fmt::format("Default: {}", row.fallback), kIndent, kColumns) + '\n';
}

std::string as_list(const std::vector<OptionDescription>& rows) {
    std::string list = "Options of a pool (and the environment variable that also sets one)\n\n";
    for (const OptionDescription& row : rows) {
        if (row.name != nullptr) list += list_entry(row, row.name, row.environment);
    }
    list += "Environment variables without an option\n\n";
    for (const OptionDescription& row : rows) {
        if (row.name == nullptr) list += list_entry(row, row.environment, nullptr);
    }
    list.pop_back();
    return list;
}

// A cell of a Markdown table: what would end the cell or start markup is escaped.
std::string cell(std::string_view text) {
    std::string escaped;
    for (const char character : text) {
        if (std::string_view("|<*`\\").find(character) != std::string_view::npos) escaped += '\\';
        escaped += character == '\n' ? ' ' : character;
    }
    return escaped;
}

std::string code(const char* name) { return name != nullptr ? fmt::format("`{}`", name) : std::string(); }

std::string as_markdown(const std::vector<OptionDescription>& rows) {
    std::string page =
        "# Options\n\n"
        "All options of a pool and all environment variables, as `numapool options --markdown` prints them "
        "from the "
        "code.\n\n"
        "## Options of a pool\n\n"
        "| Option | Values | Default | Meaning |\n|---|---|---|---|\n";
    for (const OptionDescription& row : rows) {
        if (row.name == nullptr) continue;
        page += fmt::format("| {} | {} | {} | {} |\n", code(row.name), cell(row.values), cell(row.fallback),
                            cell(row.meaning));
    }
    page +=
        "\n## Environment variables\n\n"
        "| Variable | Option | Values | Default | Meaning |\n|---|---|---|---|---|\n";
    for (const OptionDescription& row : rows) {
        if (row.environment == nullptr) continue;
        page += fmt::format("| {} | {} | {} | {} | {} |\n", code(row.environment), code(row.name),
                            cell(row.values), cell(row.fallback), cell(row.meaning));
    }
    return page;
}

}  // namespace

void add_options_command(CLI::App& app) {
    CLI::App* const command =
        app.add_subcommand("options", "List the options of a pool and the environment variables");
    const auto markdown = std::make_shared<bool>(false);
    command->add_flag("--markdown", *markdown, "Print the page docs/reference/options.md");
    command->callback([markdown] {
        const std::vector<OptionDescription> rows = numapool::describe_options();
        fmt::print("{}", *markdown ? as_markdown(rows) : as_list(rows));
    });
}

}  // namespace numapool_cli
