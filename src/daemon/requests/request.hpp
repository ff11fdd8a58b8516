// SPDX-License-Identifier: MIT
#pragma once
// One request of the hub, as its handler sees it: the one argument's members, whose names are matched without regard to
// case, since hubs write them in either. A member that is missing or null has its default; one of the wrong type, or a
// text that is too long, throws signalr::ArgumentMismatch, from which the router makes the target's refusal.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace jiro::daemon {

class RequestMembers {
  public:
    // Ids, levels and names; nothing of what hubs send is near it.
    static constexpr std::size_t kLongestText = 1024;

    RequestMembers() = default;
    // `argument` is an object, or null for one without members; anything else does not fit.
    explicit RequestMembers(nlohmann::json argument);

    [[nodiscard]] std::string text(std::string_view name, std::size_t longest = kLongestText) const;
    [[nodiscard]] std::optional<std::string> optional_text(std::string_view name,
                                                           std::size_t longest = kLongestText) const;
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name, std::int64_t low, std::int64_t high) const;
    [[nodiscard]] bool flag(std::string_view name) const;
    // An object of texts; what it holds is not looked at.
    void expect_object(std::string_view name) const;
    // The value as it came; nullptr: missing or null.
    [[nodiscard]] const nlohmann::json* find(std::string_view name) const;

  private:
    nlohmann::json object_ = nlohmann::json::object();
};

struct Request {
    std::string id;  // RequestId, which the answer repeats
    RequestMembers members;
    std::size_t room = 0;  // bytes that the answer's JSON may have
};

}  // namespace jiro::daemon
