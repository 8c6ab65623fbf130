// Owns: writing valid JSON, indented.
// Must not know: what is written.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace numapool_cli {

/// Writes one JSON value. The caller opens and closes arrays and objects in pairs and names each member of an
/// object; commas, indentation and escapes come by themselves. Text that is not UTF-8 gets U+FFFD for each
/// bad byte.
class JsonWriter {
public:
    JsonWriter& begin_object() { return open('{', '}', false); }
    /// An array on one line, for short values.
    JsonWriter& begin_row() { return open('[', ']', true); }
    JsonWriter& begin_array() { return open('[', ']', false); }
    /// Closes what was opened last.
    JsonWriter& end();

    /// The name of the next member of an object.
    JsonWriter& key(std::string_view name);
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth);
    /// The shortest text that reads back as `number`; null unless it is finite.
    JsonWriter& value(double number);
    template <std::integral Number>
    JsonWriter& value(Number number) {
        return raw(std::to_string(number));
    }
    JsonWriter& null() { return raw("null"); }
    template <class Value>
    JsonWriter& member(std::string_view name, const Value& its_value) {
        key(name);
        return value(its_value);
    }

    /// What was written, ended by a newline; whole once everything is closed.
    std::string text() const { return text_ + '\n'; }

private:
    struct Level {
        char closing;
        bool on_one_line;
        bool empty;
    };

    JsonWriter& open(char opening, char closing, bool on_one_line);
    JsonWriter& raw(std::string_view value);
    void begin_value();
    void new_line() { text_ += '\n' + std::string(2 * levels_.size(), ' '); }

    std::string text_;
    std::vector<Level> levels_;
    bool after_key_ = false;
};

/// `text` as a JSON string, with its quotes.
std::string json_string(std::string_view text);

}  // namespace numapool_cli
