// Owns: text in aligned columns, and amounts as people read them.
// Must not know: what the text is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace numapool_cli {

enum class Align : std::uint8_t { kLeft, kRight };

/// Rows of cells, printed with the columns aligned.
class TextTable {
public:
    /// One column for each entry. `headings` may be empty text.
    TextTable(std::vector<std::string> headings, std::vector<Align> alignments);
    /// As many cells as there are columns.
    void add_row(std::vector<std::string> cells);
    /// Each line indented by two spaces and ended by a newline, without trailing spaces.
    std::string text() const;

private:
    std::vector<Align> alignments_;
    std::vector<std::vector<std::string>> rows_;
};

/// "4 KiB", "23.5 GiB".
std::string bytes_text(std::uint64_t bytes);
/// Ascending numbers as ranges: "0-3,8"; "none" if there are none.
std::string ranges_text(const std::vector<int>& numbers);
/// "1 node", "2 nodes".
std::string count_text(std::size_t count, std::string_view noun);
/// `text` in lines of at most `columns` characters where its words allow, each indented and ended by a
/// newline.
std::string wrapped_text(std::string_view text, std::size_t indent, std::size_t columns);

}  // namespace numapool_cli
