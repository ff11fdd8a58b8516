// SPDX-License-Identifier: MIT
#pragma once
// Reads the JSON of /status as another process gave it: members may be missing or of another type, since the daemon may
// be of another version. Texts come escaped, and no longer than for people. Pure.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::monitor {

// The JSON of /status; an error where the text is none.
[[nodiscard]] inline Result<nlohmann::json> parse_status(std::string_view text) {
    auto status = json_or_null(text);
    if (!status.is_object()) return Error(errc::answer_malformed, "the status is not a JSON object");
    return status;
}

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
