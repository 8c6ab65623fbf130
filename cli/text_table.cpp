// Owns: text in aligned columns, and amounts as people read them.
// Must not know: what the text is about.
#include "text_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace numapool_cli {

TextTable::TextTable(std::vector<std::string> headings, std::vector<Align> alignments)
    : alignments_(std::move(alignments)) {
    rows_.push_back(std::move(headings));
}

void TextTable::add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string TextTable::text() const {
    std::vector<std::size_t> widths(alignments_.size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += alignments_[i] == Align::kRight ? fmt::format("  {:>{}}", row[i], widths[i])
                                                    : fmt::format("  {:<{}}", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<const char*, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    double amount = static_cast<double>(bytes);
    for (; amount >= 1024.0 && unit + 1 < kUnits.size(); ++unit) amount /= 1024.0;
    std::string number = fmt::format("{:.1f}", amount);
    if (number.ends_with(".0")) number.resize(number.size() - 2);
    return fmt::format("{} {}", number, kUnits[unit]);
}

std::string ranges_text(const std::vector<int>& numbers) {
    std::string text;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t last = i;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        if (!text.empty()) text += ',';
        text += last == i ? std::to_string(numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
        i = last + 1;
    }
    return text.empty() ? "none" : text;
}

std::string count_text(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string wrapped_text(std::string_view text, std::size_t indent, std::size_t columns) {
    std::string lines;
    std::string line;
    const auto end_line = [&] {
        if (!line.empty()) lines += std::string(indent, ' ') + line + '\n';
        line.clear();
    };
    while (!text.empty()) {
        const std::size_t space = std::min(text.find(' '), text.size());
        if (!line.empty() && indent + line.size() + 1 + space > columns) end_line();
        if (!line.empty()) line += ' ';
        line += text.substr(0, space);
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    end_line();
    return lines;
}

}  // namespace numapool_cli
