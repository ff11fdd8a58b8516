// SPDX-License-Identifier: MIT
#pragma once
// One key of the configuration: everything that is known about it, in one place. Parsing, "did you mean", the printed
// effective values, the reload's report and the documentation come from tables of these (schema.cpp, exec_schema.cpp).
// T is the struct that the keys fill: Config, or commands::ExecCommand and ExecParameter for the maps inside
// Commands.Exec.

#include <chrono>
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

template <typename T>
struct Key {
    std::string_view path;  // "WebSocket.Tls.CaFile"
    std::string type;
    std::string allowed;  // empty: any value of the type
    Effect effect = Effect::in_place;
    std::string_view description;
    bool is_structured = false;                                 // a list or a map: YAML also in the environment
    bool is_optional = false;                                   // null means: not set
    std::function<void(const Node&, T&, const Context&)> read;  // not called for null when is_optional
    std::function<void(T&)> clear;                              // for null, when is_optional
    std::function<std::string(const T&, Reveal)> show;          // YAML; lines after a newline are already indented
    std::function<void(const T& from, T& to)> copy{};           // of every key with Effect::restart
};

template <typename T, typename Access>
[[nodiscard]] std::function<void(const T&, T&)> copier(Access member) {
    return [member](const T& from, T& to) { member(to) = member(from); };
}

template <typename T>
[[nodiscard]] std::vector<std::string_view> paths_of(std::span<const Key<T>> keys) {
    std::vector<std::string_view> paths;
    for (const Key<T>& key : keys) paths.push_back(key.path);
    return paths;
}

// A duration in the unit that the member's type has, a count, or a number of bytes. `member` maps T& to the member.
template <typename T, typename Access>
Key<T> number_key(std::string_view path, std::string type, WholeNumberRange range, Access member, Effect effect,
                  std::string_view description) {
    using Value = std::remove_cvref_t<decltype(member(std::declval<T&>()))>;
    Key<T> key{path, std::move(type), allowed_text(range), effect, description, false, false, {}, {}, {}};
    key.read = [range, member](const Node& node, T& target, const Context& context) {
        const auto number = read_whole_number(node, range, context);
        if (!number) return;
        if constexpr (std::is_integral_v<Value>) {
            member(target) = static_cast<Value>(*number);
        } else {
            member(target) = Value(static_cast<typename Value::rep>(*number));
        }
    };
    key.show = [member](const T& target, Reveal) {
        if constexpr (std::is_integral_v<Value>) {
            return std::to_string(member(target));
        } else {
            return std::to_string(member(target).count());
        }
    };
    key.copy = copier<T>(member);
    return key;
}

// As number_key, for a std::optional member: null means not set.
template <typename T, typename Access>
Key<T> optional_number_key(std::string_view path, std::string type, WholeNumberRange range, Access member,
                           Effect effect, std::string_view description) {
    using Value = typename std::remove_cvref_t<decltype(member(std::declval<T&>()))>::value_type;
    Key<T> key{path, std::move(type), allowed_text(range), effect, description, false, true, {}, {}, {}};
    key.read = [range, member](const Node& node, T& target, const Context& context) {
        if (const auto number = read_whole_number(node, range, context)) {
            if constexpr (std::is_integral_v<Value>) {
                member(target) = static_cast<Value>(*number);
            } else {
                member(target) = Value(static_cast<typename Value::rep>(*number));
            }
        }
    };
    key.clear = [member](T& target) { member(target).reset(); };
    key.show = [member](const T& target, Reveal) -> std::string {
        if (!member(target)) return "null";
        if constexpr (std::is_integral_v<Value>) {
            return std::to_string(*member(target));
        } else {
            return std::to_string(member(target)->count());
        }
    };
    key.copy = copier<T>(member);
    return key;
}

template <typename T, typename Access>
Key<T> flag_key(std::string_view path, Access member, Effect effect, std::string_view description) {
    Key<T> key{path, "true or false", "", effect, description, false, false, {}, {}, {}};
    key.read = [member](const Node& node, T& target, const Context& context) {
        if (const auto flag = read_flag(node, context)) member(target) = *flag;
    };
    key.show = [member](const T& target, Reveal) { return std::string(member(target) ? "true" : "false"); };
    key.copy = copier<T>(member);
    return key;
}

// `names` in the order of the enumerators.
template <typename T, typename Access>
Key<T> choice_key(std::string_view path, std::span<const std::string_view> names, Access member, Effect effect,
                  std::string_view description) {
    using Value = std::remove_cvref_t<decltype(member(std::declval<T&>()))>;
    Key<T> key{path, "word", allowed_text(names), effect, description, false, false, {}, {}, {}};
    key.read = [names, member](const Node& node, T& target, const Context& context) {
        if (const auto index = read_choice(node, names, context)) member(target) = static_cast<Value>(*index);
    };
    key.show = [names, member](const T& target, Reveal) {
        return std::string(names[static_cast<std::size_t>(member(target))]);
    };
    key.copy = copier<T>(member);
    return key;
}

// A std::string or path member; null empties it.
template <typename T, typename Access>
Key<T> text_key(std::string_view path, Access member, Effect effect, std::string_view description) {
    Key<T> key{path, "text", "", effect, description, false, true, {}, {}, {}};
    key.read = [member](const Node& node, T& target, const Context& context) {
        if (auto text = read_text(node, context)) member(target) = std::move(*text);
    };
    key.clear = [member](T& target) { member(target).clear(); };
    key.show = [member](const T& target, Reveal) { return yaml_text(member(target)); };
    key.copy = copier<T>(member);
    return key;
}

template <typename T, typename Access>
Key<T> path_key(std::string_view path, Access member, Effect effect, std::string_view description) {
    Key<T> key{path, "path", "absolute", effect, description, false, true, {}, {}, {}};
    key.read = [member](const Node& node, T& target, const Context& context) {
        if (auto text = read_path(node, context)) member(target) = std::move(*text);
    };
    key.clear = [member](T& target) { member(target).clear(); };
    key.show = [member](const T& target, Reveal) -> std::string {
        return member(target).empty() ? "null" : yaml_text(std::string(member(target)));
    };
    key.copy = copier<T>(member);
    return key;
}

}  // namespace jiro::config
