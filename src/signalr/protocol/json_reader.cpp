#include "signalr/protocol/json_reader.hpp"

#include <string>

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_tree.hpp"

namespace jiro::signalr {

namespace {

enum class Scan { fine, too_deep, stray_control };

// One pass ahead of the parser, which has no depth limit and takes NUL outside a string for the end of its input.
Scan scan(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char character = text[i];
        if (in_string) {
            if (character == '\\') {
                ++i;
            } else if (character == '"') {
                in_string = false;
            }
        } else if (character == '"') {
            in_string = true;
        } else if (character == '{' || character == '[') {
            if (++depth > kMaxDepth) return Scan::too_deep;
        } else if (character == '}' || character == ']') {
            --depth;
        } else if (character == '\0') {
            return Scan::stray_control;
        }
    }
    return Scan::fine;
}

std::string at_byte(std::size_t byte, std::size_t size) {
    return " at byte " + std::to_string(byte) + " of " + std::to_string(size);
}

}  // namespace

Result<nlohmann::json> read_json_object(std::string_view text) {
    auto tree = read_json_tree(text, kMaxDepth);
    if (tree && tree->is_object()) return std::move(*tree);
    switch (scan(text)) {
        case Scan::too_deep:
            return Error(errc::nesting_too_deep,
                         "JSON nested deeper than " + std::to_string(kMaxDepth) + " levels is refused");
        case Scan::stray_control:
            return Error(errc::invalid_json, "the record is not JSON: a NUL byte outside a string");
        case Scan::fine:
            break;
    }
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos || text[start] != '{') {
        return Error(errc::invalid_json, text.empty() ? "the record is empty" : "the record is not a JSON object");
    }
    try {
        return nlohmann::json::parse(text.begin(), text.end());
    } catch (const nlohmann::json::parse_error& error) {
        // The parser's text quotes the input; only its position is passed on.
        const bool bad_utf8 = std::string_view(error.what()).find("ill-formed UTF-8") != std::string_view::npos;
        if (bad_utf8) {
            return Error(errc::invalid_utf8, "the record is not valid UTF-8" + at_byte(error.byte, text.size()));
        }
        return Error(errc::invalid_json, "the record is not JSON" + at_byte(error.byte, text.size()));
    } catch (const nlohmann::json::exception&) {
        return Error(errc::invalid_json, "the record is not JSON: a number is out of range");
    }
}

}  // namespace jiro::signalr
