// SPDX-License-Identifier: MIT
#pragma once
// What the operator's routes have in common: their answers, and the values in their queries.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "jiro/base/json.hpp"
#include "jiro/base/url.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// Ids and error texts come from outside: whatever is not UTF-8 in them is replaced.
[[nodiscard]] inline monitor::RouteReply reply_with(int status, const nlohmann::json& body) {
    return {status, json_text(body)};
}

[[nodiscard]] inline monitor::RouteReply reply_with_error(int status, const std::string& text) {
    return reply_with(status, {{"error", text}});
}

// A value of the request's query; empty: it is not there.
[[nodiscard]] inline std::string argument(const monitor::RouteRequest& request, std::string_view name) {
    const auto query = parse_query(request.query);
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

}  // namespace jiro::daemon
