// SPDX-License-Identifier: MIT
#pragma once
// Reads the JSON of /status as another process gave it: members may be missing or of another type, since the daemon may
// be of another version. Texts come escaped, and no longer than for people. Pure.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "jiro/base/json.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"

namespace jiro::monitor {

class StatusReader {
  public:
    using Json = nlohmann::json;

    explicit StatusReader(const Json& json) : json_(json) {}

    [[nodiscard]] std::string text(const char* name) const {
        return escaped(shortened(text_member(json_, name), kLongest));
    }
    [[nodiscard]] std::optional<double> number(const char* name) const { return member_as<double>(json_, name); }
    [[nodiscard]] std::string count(const char* name) const {
        const auto value = member_as<std::uint64_t>(json_, name);
        return value ? std::to_string(*value) : "?";
    }
    [[nodiscard]] bool flag(const char* name, bool otherwise) const {
        return member_as<bool>(json_, name).value_or(otherwise);
    }
    [[nodiscard]] const Json& child(const char* name) const {
        static const Json nothing;
        const auto member = json_.find(name);
        return member != json_.end() ? *member : nothing;
    }

  private:
    static constexpr std::size_t kLongest = 2000;

    const Json& json_;
};

}  // namespace jiro::monitor
