// SPDX-License-Identifier: MIT
#pragma once
// One key of the configuration: everything that is known about it, in one place. Parsing, "did you mean", the printed
// effective values, the reload's report and the documentation come from tables of these (schema.cpp, exec_schema.cpp).
// T is the struct that the keys fill: Config, or commands::ExecCommand and ExecParameter for the maps inside
// Commands.Exec.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/values.hpp"
#include "jiro/config/print.hpp"

namespace jiro::config {

enum class Reveal { masked, plain };

// What a kind of value says about itself. A kind also has read(node, value, context), false after it has added a
// problem, and show(value, reveal), which gives YAML; lines after a newline are already indented.
struct KindInfo {
    std::string type;
    std::string allowed = {};    // empty: any value of the type
    bool null_clears = false;    // null means: as if it was never set; of a std::optional member always
    bool empty_is_null = false;  // a text without characters, too
    bool is_structured = false;  // a list or a map: YAML also in the environment
};

template <typename T>
struct Key {
    std::string_view path;  // "WebSocket.Tls.CaFile"
    KindInfo kind;
    Effect effect = Effect::in_place;
    std::string_view description;
    std::function<void(const Node&, T&, const Context&)> read;
    std::function<std::string(const T&, Reveal)> show;
    std::function<void(const T& from, T& to)> copy;
};

template <typename T>
[[nodiscard]] std::vector<std::string_view> paths_of(std::span<const Key<T>> keys) {
    std::vector<std::string_view> paths;
    for (const Key<T>& key : keys) paths.push_back(key.path);
    return paths;
}

template <typename Member>
inline constexpr bool kIsOptional = requires(Member member) {
    member.has_value();
};

// The key that fills one member of T, to which `member` leads: a value of the kind, or an optional one.
template <typename T, typename Kind, typename Access>
Key<T> make_key(std::string_view path, Kind kind, Access member, Effect effect, std::string_view description) {
    using Member = std::remove_cvref_t<decltype(member(std::declval<T&>()))>;
    Key<T> key{path, kind, effect, description, {}, {}, {}};
    if constexpr (kIsOptional<Member>) key.kind.null_clears = true;
    key.read = [member, kind, info = key.kind](const Node& node, T& target, const Context& context) {
        const bool is_empty = node.kind == Node::Kind::scalar && node.text.empty();
        if (info.null_clears && (node.kind == Node::Kind::null || (info.empty_is_null && is_empty))) {
            member(target) = Member();
        } else if constexpr (kIsOptional<Member>) {
            typename Member::value_type value{};
            if (kind.read(node, value, context)) member(target) = std::move(value);
        } else {
            kind.read(node, member(target), context);
        }
    };
    key.show = [member, kind](const T& target, Reveal reveal) -> std::string {
        if constexpr (kIsOptional<Member>) {
            return member(target) ? kind.show(*member(target), reveal) : "null";
        } else {
            return kind.show(member(target), reveal);
        }
    };
    key.copy = [member](const T& from, T& to) { member(to) = member(from); };
    return key;
}

// Takes what a reader of values.hpp has read.
template <typename Value, typename Target>
bool assign(std::optional<Value> value, Target& target) {
    if (value) target = static_cast<Target>(std::move(*value));
    return value.has_value();
}

// A duration in the unit that the member's type has, a count, or a number of bytes.
struct Number : KindInfo {
    Number(std::string type, WholeNumberRange allowed_range)
        : KindInfo{std::move(type), allowed_text(allowed_range)}, range(allowed_range) {}

    template <typename Value>
    bool read(const Node& node, Value& target, const Context& context) const {
        return assign(read_whole_number(node, range, context), target);
    }
    template <typename Value>
    std::string show(const Value& value, Reveal) const {
        if constexpr (std::is_integral_v<Value>) {
            return std::to_string(value);
        } else {
            return std::to_string(value.count());
        }
    }

    WholeNumberRange range;
};

struct Decimal : KindInfo {
    explicit Decimal(DecimalRange allowed_range)
        : KindInfo{"number", allowed_text(allowed_range)}, range(allowed_range) {}

    bool read(const Node& node, double& target, const Context& context) const {
        return assign(read_decimal(node, range, context), target);
    }
    std::string show(double value, Reveal) const { return decimal_text(value); }

    DecimalRange range;
};

struct Flag : KindInfo {
    Flag() : KindInfo{"true or false"} {}
    bool read(const Node& node, bool& target, const Context& context) const {
        return assign(read_flag(node, context), target);
    }
    std::string show(bool value, Reveal) const { return value ? "true" : "false"; }
};

// An enum; `words` in the order of the enumerators.
struct Choice : KindInfo {
    explicit Choice(std::span<const std::string_view> all) : KindInfo{"word", allowed_text(all)}, words(all) {}

    template <typename Value>
    bool read(const Node& node, Value& target, const Context& context) const {
        return assign(read_choice(node, words, context), target);
    }
    template <typename Value>
    std::string show(const Value& value, Reveal) const {
        return std::string(words[static_cast<std::size_t>(value)]);
    }

    std::span<const std::string_view> words;
};

struct Text : KindInfo {
    explicit Text(std::string allowed = {}) : KindInfo{"text", std::move(allowed), true} {}
    bool read(const Node& node, std::string& target, const Context& context) const {
        return assign(read_text(node, context), target);
    }
    std::string show(const std::string& value, Reveal) const { return yaml_text(value); }
};

struct TextList : KindInfo {
    TextList() : KindInfo{"list", {}, true, false, true} {}
    bool read(const Node& node, std::vector<std::string>& target, const Context& context) const {
        return assign(read_texts(node, context), target);
    }
    std::string show(const std::vector<std::string>& texts, Reveal) const { return yaml_list(texts); }
};

// An absolute path, or `instead`, a word that is none.
struct PathText : KindInfo {
    explicit PathText(std::string_view word = {})
        : KindInfo{"path", word.empty() ? "absolute" : "absolute, or \"" + std::string(word) + '"', true},
          instead(word) {}

    template <typename Value>
    bool read(const Node& node, Value& target, const Context& context) const {
        const bool is_instead = !instead.empty() && node.kind == Node::Kind::scalar && node.text == instead;
        return assign(is_instead ? std::optional(node.text) : read_path(node, context), target);
    }
    template <typename Value>
    std::string show(const Value& value, Reveal) const {
        return value.empty() ? "null" : yaml_text(std::string(value));
    }

    std::string_view instead;
};

// A kind of one key only.
template <typename Value>
struct Special : KindInfo {
    using Read = bool (*)(const Node&, Value&, const Context&);
    using Show = std::string (*)(const Value&, Reveal);
    Special(KindInfo info, Read reader, Show shower) : KindInfo(std::move(info)), read(reader), show(shower) {}

    Read read;
    Show show;
};

}  // namespace jiro::config
