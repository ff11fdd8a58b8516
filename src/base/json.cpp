// SPDX-License-Identifier: MIT
#include "jiro/base/json.hpp"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro {

using nlohmann::json;

namespace {

using boost::system::error_code;
using JsonPart = boost::json::string_view;

std::string_view view_of(JsonPart part) { return {part.data(), part.size()}; }

constexpr std::array kJsonFaultTexts = std::to_array<std::string_view>({
    "it is not JSON",
    "it is not valid UTF-8",
    "it begins with a byte order mark (U+FEFF), which is not JSON",
    "it has a comment (// or /*); comments are not JSON",
    "it has one half of a surrogate pair (\\ud800 to \\udfff) without the other",
    "it is too long",
    "it is nested too deeply",
    "it has too many values",
    "it has an object of too many members",
    "it has a number that is out of range",
});

// Boost.JSON before 1.83 stops at an exponent beyond an int, later ones read on: with a limit of ours all stop at the
// same.
bool has_huge_exponent(std::string_view number) {
    const auto letter = number.find_first_of("eE");
    if (letter == std::string_view::npos) return false;
    const auto digits = number.find_first_not_of("+-0", letter + 1);
    return digits != std::string_view::npos && number.size() - digits > 9;
}

// What Boost.JSON's parser calls, in the order of the text: counts, and passes on. A text in pieces is put together.
struct Events {
    // NOLINTBEGIN(readability-identifier-naming): the names that Boost.JSON asks for
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;
    // NOLINTEND(readability-identifier-naming)

    Events(const JsonLimits& given, JsonHandler& receiver) : limits(given), handler(receiver) {}

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code& error) {
        if (!count(error)) return false;
        members[open++] = 0;
        handler.begin_object();
        return true;
    }
    bool on_object_end(std::size_t, error_code&) {
        --open;
        handler.end_object();
        return true;
    }
    bool on_array_begin(error_code& error) {
        if (!count(error)) return false;
        handler.begin_array();
        return true;
    }
    bool on_array_end(std::size_t, error_code&) {
        handler.end_array();
        return true;
    }

    bool on_key_part(JsonPart part, std::size_t, error_code&) { return keep(part); }
    bool on_key(JsonPart part, std::size_t, error_code& error) {
        if (++members[open - 1] > limits.members) return refuse(JsonFault::too_many_members, error);
        handler.key(whole(part));
        return true;
    }
    bool on_string_part(JsonPart part, std::size_t, error_code&) { return keep(part); }
    bool on_string(JsonPart part, std::size_t, error_code& error) {
        if (!count(error)) return false;
        handler.string(whole(part));
        return true;
    }

    bool on_number_part(JsonPart part, error_code&) { return keep(part); }
    bool on_int64(std::int64_t, JsonPart part, error_code& error) { return number(part, error); }
    bool on_uint64(std::uint64_t, JsonPart part, error_code& error) { return number(part, error); }
    bool on_double(double, JsonPart part, error_code& error) { return number(part, error); }
    bool on_bool(bool value, error_code& error) {
        if (!count(error)) return false;
        handler.boolean(value);
        return true;
    }
    bool on_null(error_code& error) {
        if (!count(error)) return false;
        handler.null();
        return true;
    }
    bool on_comment_part(JsonPart, error_code&) { return true; }
    bool on_comment(JsonPart, error_code&) { return true; }

    bool number(JsonPart part, error_code& error) {
        if (!count(error)) return false;
        const auto text = whole(part);
        if (has_huge_exponent(text)) return refuse(JsonFault::number_out_of_range, error);
        handler.number(text);
        return true;
    }

    bool count(error_code& error) { return ++nodes <= limits.nodes || refuse(JsonFault::too_many_values, error); }
    bool refuse(JsonFault why, error_code& error) {
        refused = why;
        error = boost::json::error::incomplete;  // any: `refused` says what it was
        return false;
    }

    bool keep(JsonPart part) {
        pieces.append(part.data(), part.size());
        return true;
    }
    std::string_view whole(JsonPart part) {
        if (pieces.empty()) return view_of(part);
        pieces.append(part.data(), part.size());
        std::swap(pieces, last_text);
        pieces.clear();
        return last_text;
    }

    const JsonLimits& limits;
    JsonHandler& handler;
    std::size_t nodes = 0;
    std::array<std::size_t, JsonLimits::kDeepest> members;  // of each object that is open
    std::size_t open = 0;
    std::string pieces;  // of a text that has not ended
    std::string last_text;
    std::optional<JsonFault> refused;
};

bool is_half_of_pair(std::string_view text) {  // "\ud800" to "\udfff"
    return text.size() >= 4 && text[0] == '\\' && text[1] == 'u' && (text[2] | 0x20) == 'd' &&
           std::string_view("89abcdefABCDEF").find(text[3]) != std::string_view::npos;
}

// What the parser met at `at`, in an operator's words.
JsonFault fault_at(std::string_view text, std::size_t at) {
    const auto rest = text.substr(at);
    if (at == 0 && rest.starts_with("\xEF\xBB\xBF")) return JsonFault::byte_order_mark;
    if (rest.starts_with("//") || rest.starts_with("/*")) return JsonFault::comment;
    if (!is_utf8(text)) return JsonFault::not_utf8;
    // The parser notices a second half within its escape, a first one behind its own, or in the next one.
    for (std::size_t back = 1; back <= 8 && back <= at; ++back) {
        if (is_half_of_pair(text.substr(at - back))) return JsonFault::lone_surrogate;
    }
    return JsonFault::not_json;
}

JsonError json_error(JsonFault fault, std::size_t at, std::size_t size, const JsonLimits& limits) {
    std::string message = make_error_code(fault).message();
    const auto most = [&](std::size_t limit, const char* unit) {
        message += ": more than " + std::to_string(limit) + unit;
    };
    if (fault == JsonFault::too_long) most(limits.bytes, " bytes");
    if (fault == JsonFault::too_deep) most(std::min(limits.depth, JsonLimits::kDeepest), " levels");
    if (fault == JsonFault::too_many_values) most(limits.nodes, "");
    if (fault == JsonFault::too_many_members) most(limits.members, "");
    message += " (at byte " + std::to_string(at) + " of " + std::to_string(size) + ')';
    return {fault, at, std::move(message)};
}

}  // namespace

boost::system::error_code make_error_code(JsonFault fault) noexcept {
    static const ErrorCategory<JsonFault::number_out_of_range> category("jiro.json", kJsonFaultTexts);
    return {static_cast<int>(fault), category};
}

void JsonTree::number(std::string_view text) {
    auto& value = place();
    value = json_number(text);
    is_out_of_range_ = is_out_of_range_ || value.is_null();
}

json& JsonTree::place() {
    if (open_.empty()) return root_;
    json& parent = *open_.back();
    if (parent.is_array()) return parent.get_ref<json::array_t&>().emplace_back();
    return parent.get_ref<json::object_t&>()[std::exchange(key_, {})];
}

void JsonTree::open(json value) {
    json& opened = place();
    opened = std::move(value);
    open_.push_back(&opened);
}

json json_number(std::string_view text) {
    if (text.starts_with('-')) {
        if (const auto number = parse_number<std::int64_t>(text)) return *number;
    } else if (const auto number = parse_number<std::uint64_t>(text)) {
        return *number;
    }
    if (const auto number = parse_number<double>(text)) return *number;
    const double rounded = std::strtod(std::string(text).c_str(), nullptr);  // 0, or infinity
    return std::isfinite(rounded) ? json(rounded) : json();
}

std::string text_member(const json& object, const char* name) {
    return member_as<std::string>(object, name).value_or("");
}

std::string json_text(const json& value, int indent) {
    return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

json json_or_null(std::string_view text, const JsonLimits& limits) {
    auto value = read_json(text, limits);
    return value ? std::move(*value) : json();
}

std::optional<JsonError> read_json(std::string_view text, const JsonLimits& limits, JsonHandler& handler) {
    const auto error_at = [&](JsonFault fault, std::size_t at) { return json_error(fault, at, text.size(), limits); };
    if (text.size() > limits.bytes) return error_at(JsonFault::too_long, limits.bytes);
    boost::json::parse_options options;
    options.max_depth = std::min(limits.depth, JsonLimits::kDeepest);  // each level is a few frames of the parser's
    options.allow_trailing_commas = limits.trailing_commas;
    boost::json::basic_parser<Events> parser(options, limits, handler);
    error_code error;
    const auto taken = parser.write_some(false, text.data(), text.size(), error);
    if (parser.handler().refused) return error_at(*parser.handler().refused, taken);
    if (error == boost::json::error::too_deep) return error_at(JsonFault::too_deep, taken);
    if (error == boost::json::error::exponent_overflow) return error_at(JsonFault::number_out_of_range, taken);
    if (error || !parser.done() || taken != text.size()) return error_at(fault_at(text, taken), taken);
    return std::nullopt;
}

Result<json> read_json(std::string_view text, const JsonLimits& limits) {
    JsonTree tree;
    const auto error = read_json(text, limits, tree);
    if (error) return Error(error->fault, error->message);
    if (tree.is_out_of_range()) return Error(JsonFault::number_out_of_range);
    return std::move(tree).take();
}

}  // namespace jiro
