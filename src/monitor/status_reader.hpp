// SPDX-License-Identifier: MIT
#pragma once
// Reads the JSON of /status as another process gave it: members may be missing or of another type, since the daemon may
// be of another version. Texts come escaped. Pure.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "jiro/base/text.hpp"

namespace jiro::monitor {

class StatusReader {
  public:
    using Json = nlohmann::json;

    explicit StatusReader(const Json& json) : json_(json) {}

    [[nodiscard]] std::string text(const char* name) const {
        const auto* value = find(name);
        return value != nullptr && value->is_string() ? escaped(value->get_ref<const std::string&>()) : std::string();
    }
    [[nodiscard]] std::optional<double> number(const char* name) const {
        const auto* value = find(name);
        return value != nullptr && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
    }
    [[nodiscard]] std::string count(const char* name) const {
        const auto* value = find(name);
        return value != nullptr && value->is_number_unsigned() ? std::to_string(value->get<std::uint64_t>()) : "?";
    }
    [[nodiscard]] bool flag(const char* name, bool otherwise) const {
        const auto* value = find(name);
        return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
    }
    [[nodiscard]] const Json& child(const char* name) const {
        static const Json nothing;
        const auto* value = find(name);
        return value != nullptr ? *value : nothing;
    }

  private:
    [[nodiscard]] const Json* find(const char* name) const {
        if (!json_.is_object()) return nullptr;
        const auto member = json_.find(name);
        return member == json_.end() ? nullptr : &*member;
    }

    const Json& json_;
};

}  // namespace jiro::monitor
