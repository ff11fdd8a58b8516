// SPDX-License-Identifier: MIT
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "config/machine.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

// A value in a message: short, on one line. For keys that hold a number or a word of ours: in any other key may stand
// a secret, also by mistake, and a message goes far. There the kind of the value is said.
std::string shown(std::string_view text) { return '\'' + excerpt(text, 40) + '\''; }

std::string not_this(const Node& node) {
    if (node.kind != Node::Kind::scalar) return std::string(kind_name(node));
    return (node.quoted ? "the quoted text " : "") + shown(node.text);
}

bool is_plain_scalar(const Node& node) { return node.kind == Node::Kind::scalar && !node.quoted; }

}  // namespace

Context Context::inside(const Member& member) const {
    Context inner = *this;
    inner.path += '.' + member.key;
    places.insert_or_assign(inner.path, member.place);
    return inner;
}

void Context::warn(const Place& place, std::string_view message) const {
    ConfigError located{place.file, place.line, place.column, path, std::string(message)};
    warnings.push_back({path, to_string(located)});
}

std::string allowed_text(WholeNumberRange range) {
    return std::to_string(range.low) + " to " + std::to_string(range.high);
}

std::string allowed_text(std::span<const std::string_view> choices) {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) text += i + 1 == choices.size() ? " or " : ", ";
        text += choices[i];
    }
    return text;
}

std::optional<std::int64_t> read_whole_number(const Node& node, WholeNumberRange range, const Context& context) {
    std::int64_t value = 0;
    const char* end = node.text.data() + node.text.size();
    const auto [stopped, error] = std::from_chars(node.text.data(), end, value);
    const bool is_number = is_plain_scalar(node) && stopped == end && error != std::errc::invalid_argument;
    if (!is_number)
        return context.fail(node.place,
                            "must be a whole number from " + allowed_text(range) + ", not " + not_this(node));
    if (error == std::errc::result_out_of_range || value < range.low || value > range.high)
        return context.fail(node.place, excerpt(node.text, 40) + " is out of range, allowed is " + allowed_text(range));
    return value;
}

std::string decimal_text(double value) {
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
    return {std::begin(text), end};
}

std::string allowed_text(DecimalRange range) { return decimal_text(range.low) + " to " + decimal_text(range.high); }

std::optional<double> read_decimal(const Node& node, DecimalRange range, const Context& context) {
    const auto value = is_plain_scalar(node) ? parse_number<double>(node.text) : std::nullopt;
    if (value && *value >= range.low && *value <= range.high) return value;
    return context.fail(node.place, "must be a number from " + allowed_text(range) + ", not " + not_this(node));
}

std::optional<bool> read_flag(const Node& node, const Context& context) {
    const auto flag = is_plain_scalar(node) ? parse_flag(node.text) : std::nullopt;
    if (!flag) context.fail(node.place, "must be true or false, not " + not_this(node));
    return flag;
}

std::optional<std::string> read_text(const Node& node, const Context& context) {
    if (node.kind == Node::Kind::scalar) return node.text;
    return context.fail(node.place, "must be text, not " + std::string(kind_name(node)));
}

std::optional<std::string> read_text_with_facts(const Node& node, const Context& context) {
    const auto text = read_text(node, context);
    if (!text) return std::nullopt;
    auto complete = with_machine_facts(*text);
    if (complete) return std::move(*complete);
    return context.fail(node.place, complete.error().message);
}

std::optional<std::size_t> read_choice(const Node& node, std::span<const std::string_view> choices,
                                       const Context& context) {
    if (node.kind == Node::Kind::scalar) {
        const auto found = std::ranges::find(choices, lower_case(node.text),
                                             [](std::string_view choice) { return lower_case(choice); });
        if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    }
    const std::string hint = node.kind == Node::Kind::scalar ? did_you_mean(node.text, choices) : std::string();
    return context.fail(node.place, "must be " + allowed_text(choices) + ", not " + not_this(node) + hint);
}

std::optional<Url> read_url(const Node& node, std::span<const std::string_view> schemes, const Context& context) {
    const auto text = read_text(node, context);
    if (!text) return std::nullopt;
    auto url = Url::parse(*text);
    if (!url)  // the text itself may hold a password: it is not repeated
        return context.fail(node.place, url.error().message + " (allowed: " + allowed_text(schemes) + ")");
    if (text->find('#') != std::string::npos)
        return context.fail(node.place, "has a fragment (#...), which is never sent");
    if (std::ranges::find(schemes, url->scheme()) == schemes.end())
        return context.fail(
            node.place, "the scheme must be " + allowed_text(schemes) + ", not '" + std::string(url->scheme()) + "'");
    return std::move(*url);
}

ExpandedPath expand_path(std::string_view path, const Environment& environment) {
    static constexpr std::array<std::string_view, 3> kNames{"CREDENTIALS_DIRECTORY", "STATE_DIRECTORY",
                                                            "RUNTIME_DIRECTORY"};
    ExpandedPath result{std::string(path), {}, {}};
    const auto begin = path.find("${");
    if (begin == std::string_view::npos) return result;
    const auto end = path.find('}', begin);
    const auto name = path.substr(begin + 2, end == std::string_view::npos ? end : end - begin - 2);
    if (begin != 0 || end == std::string_view::npos || std::ranges::find(kNames, name) == kNames.end()) {
        result.unknown = name;
        return result;
    }
    const auto folder = systemd_folder(environment, name);
    if (folder.empty()) {
        result.not_set = name;
    } else {
        result.path = folder + std::string(path.substr(end + 1));
    }
    return result;
}

std::optional<std::string> read_path(const Node& node, const Context& context) {
    const auto text = read_text(node, context);
    if (!text) return std::nullopt;
    ExpandedPath expanded = expand_path(*text, context.environment);
    if (!expanded.unknown.empty())
        return context.fail(
            node.place,
            "only ${CREDENTIALS_DIRECTORY}, ${STATE_DIRECTORY} and ${RUNTIME_DIRECTORY} are known, and only at the "
            "beginning of a path");
    if (!expanded.not_set.empty()) {
        context.warn(node.place, expanded.not_set + " is not set here; it is when systemd starts the service");
        return expanded.path;
    }
    if (!expanded.path.starts_with('/'))
        return context.fail(node.place, "must be an absolute path, which begins with /");
    if (expanded.path.find('\0') != std::string::npos)
        return context.fail(node.place, "must not contain a NUL character");
    return expanded.path;
}

std::optional<std::vector<std::string>> read_texts(const Node& node, const Context& context) {
    if (node.kind != Node::Kind::sequence)
        return context.fail(node.place, "must be a list, not " + std::string(kind_name(node)));
    std::vector<std::string> texts;
    for (const Node& item : node.items) {
        if (auto text = read_text(item, context)) texts.push_back(std::move(*text));
    }
    if (texts.size() != node.items.size()) return std::nullopt;
    return texts;
}

std::optional<Pairs> read_text_map(const Node& node, const Context& context) {
    if (node.kind != Node::Kind::map)
        return context.fail(node.place, "must be a map of names to text, not " + std::string(kind_name(node)));
    static constexpr std::size_t kMostEntries = 256;
    if (node.members.size() > kMostEntries)
        return context.fail(node.place, "has more than " + std::to_string(kMostEntries) + " entries");
    Pairs pairs;
    bool all_good = true;
    for (const Member& member : node.members) {
        if (!is_token(member.key)) {
            context.fail(member.place,
                         "must have names of letters, digits, - and _ (this one is not shown: it could be"
                         " a secret)");
            all_good = false;
        } else if (std::ranges::find(pairs, member.key, &Pairs::value_type::first) != pairs.end()) {
            context.fail(member.place, "'" + member.key + "' is given twice");
            all_good = false;
        } else if (auto text = read_text(member.value, context)) {
            pairs.emplace_back(member.key, std::move(*text));
        } else {
            all_good = false;
        }
    }
    if (!all_good) return std::nullopt;
    return pairs;
}

std::string yaml_text(std::string_view text) {
    static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:+-@";
    static constexpr std::array<std::string_view, 9> kWords{"null", "true", "false", "yes", "no", "on", "y", "n", "~"};
    const bool is_plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
                          text.find_first_of("-:@.+") != 0 && !text.ends_with(':') &&
                          std::ranges::find(kWords, lower_case(text)) == kWords.end();
    if (is_plain) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (byte < 0x20 || byte == 0x7F) {
            quoted.append("\\x").append(hex_digits(byte));
        } else {
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string yaml_list(std::span<const std::string> texts) {
    std::string out = "[";
    for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + yaml_text(text);
    return out + ']';
}

std::string yaml_map(const Pairs& pairs) {
    if (pairs.empty()) return "{}";
    std::string out = "{ ";
    for (const auto& [name, value] : pairs)
        out += (out.size() > 2 ? ", " : "") + yaml_text(name) + ": " + yaml_text(value);
    return out + " }";
}

}  // namespace jiro::config
