// SPDX-License-Identifier: MIT
#include "jiro/base/json_writer.hpp"

#include <algorithm>
#include <utility>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro {

namespace {

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// As many characters at the start as stand for themselves in a JSON string, ASCII or not.
std::size_t unescaped_length(std::string_view text) {
    std::size_t length = 0;
    while (length + kTextBlock <= text.size() && is_block_without<'"', '\\'>(text.data() + length, 0x20)) {
        length += kTextBlock;
    }
    while (length < text.size() && !needs_escape(text[length])) ++length;
    return length;
}

void append_escaped(std::string& out, char c) {
    static constexpr std::string_view kNamed = "\"\"\\\\\bb\ff\nn\rr\tt";  // a character, then what stands for it
    for (std::size_t i = 0; i < kNamed.size(); i += 2) {
        if (c == kNamed[i]) {
            out.append(1, '\\').append(1, kNamed[i + 1]);
            return;
        }
    }
    out.append("\\u00").append(hex_digits(static_cast<unsigned char>(c)));
}

void append_mixed(std::string& out, std::string_view text) {
    if (!is_utf8(text)) return append_mixed(out, to_utf8(text));
    while (!text.empty()) {
        const auto plain = unescaped_length(text);
        out += text.substr(0, plain);
        if (plain < text.size()) append_escaped(out, text[plain]);
        text.remove_prefix(std::min(plain + 1, text.size()));
    }
}

void append_string(std::string& out, std::string_view text) {
    const auto plain = plain_length<0x20, '"', '\\'>(text);
    out += '"';
    out += text.substr(0, plain);
    if (plain < text.size()) append_mixed(out, text.substr(plain));
    out += '"';
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

void JsonWriter::tree(const nlohmann::json& value) { append(json_text(value)); }

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
