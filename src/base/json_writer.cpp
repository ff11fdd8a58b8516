#include "jiro/base/json_writer.hpp"

#include <algorithm>
#include <utility>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro {

namespace {

// Characters that stand for themselves in a JSON string.
bool needs_no_escape(std::string_view text) {
    const auto needs_escape = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; };
    for (; text.size() >= kTextWord; text.remove_prefix(kTextWord)) {
        if (!is_word_without<'"', '\\'>(text.data(), 0x20)) break;
    }
    return std::ranges::none_of(text, needs_escape);
}

void append_string(std::string& out, std::string_view text) {
    if (needs_no_escape(text) && is_utf8(text)) {
        out.append(1, '"').append(text).append(1, '"');
    } else {
        out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
}

}  // namespace

void JsonWriter::key(std::string_view name) {
    separate();
    append_string(text_, name);
    text_ += layout_ == Layout::indented ? ": " : ":";
    follows_key_ = true;
}

void JsonWriter::string(std::string_view text) {
    separate();
    append_string(text_, text);
}

void JsonWriter::tree(const nlohmann::json& value) {
    append(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void JsonWriter::separate() {
    if (std::exchange(follows_key_, false)) return;
    if (std::exchange(has_elements_, true)) text_ += ',';
    if (depth_ > 0) new_line();
}

void JsonWriter::new_line() {
    if (layout_ == Layout::indented) text_.append(1, '\n').append(2 * depth_, ' ');
}

void JsonWriter::append(std::string_view text) {
    separate();
    text_ += text;
}

void JsonWriter::open(char bracket) {
    separate();
    text_ += bracket;
    ++depth_;
    has_elements_ = false;
}

void JsonWriter::close(char bracket) {
    --depth_;
    if (std::exchange(has_elements_, true)) new_line();
    text_ += bracket;
}

}  // namespace jiro
