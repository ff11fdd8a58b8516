// SPDX-License-Identifier: MIT
#include "config/node.hpp"

#include <algorithm>
#include <tuple>

#include "jiro/base/text.hpp"

namespace jiro::config {

std::string to_string(const Place& place) {
    return place.line == 0 ? place.file : place.file + ':' + std::to_string(place.line);
}

std::string_view kind_name(const Node& node) {
    static constexpr std::string_view kNames[] = {"nothing", "text", "a list", "a map"};
    return kNames[static_cast<std::size_t>(node.kind)];
}

void Problems::add(const Place& place, std::string_view key_path, std::string message) {
    errors_.push_back({place.file, place.line, place.column, std::string(key_path), std::move(message)});
}

bool Problems::concern(std::string_view key_path) const {
    return std::ranges::any_of(errors_, [&](const ConfigError& error) {
        return key_path == error.key_path || key_path.starts_with(error.key_path + '.');
    });
}

std::vector<ConfigError> Problems::sorted(std::string_view first_file) && {
    const auto rank = [&](const ConfigError& error) {
        return std::tuple(error.file != first_file, std::string_view(error.file), error.line, error.column);
    };
    std::ranges::stable_sort(errors_, {}, rank);
    return std::move(errors_);
}

std::string to_string(const ConfigError& error) {
    std::string text = error.file;
    if (error.line > 0) text += ':' + std::to_string(error.line);
    if (error.column > 0) text += ':' + std::to_string(error.column);
    if (!error.key_path.empty()) text += ": " + error.key_path;
    return escaped(text + ": " + error.message);
}

}  // namespace jiro::config
