// SPDX-License-Identifier: MIT
#pragma once
// The control socket's language: one JSON object a line, a request and its response (docs/dev-hub.md lists the verbs).
// Pure but for execute(), which asks the DevHub. Used by the server, the client, scenarios and tests.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "dev_hub/dev_hub.hpp"

namespace jiro::dev_hub {

// A `send` request's members, checked. `count` and `parallel` say how often.
struct SendVerb {
    SendRequest request;
    int count = 1;
    bool parallel = false;
};
[[nodiscard]] Result<SendVerb> parse_send(const nlohmann::json& request);
[[nodiscard]] nlohmann::json to_json(const ReceivedResult& result);
// The inverse, as far as render() needs it.
[[nodiscard]] ReceivedResult result_from_json(const nlohmann::json& json);
[[nodiscard]] nlohmann::json to_json(const SendOutcome& outcome);

// One request, whatever it is, to one response; never throws for bad input. `quit` is set when the request was to end.
[[nodiscard]] Task<nlohmann::json> execute(DevHub& hub, std::string line, bool& quit);
[[nodiscard]] Task<nlohmann::json> execute_send(DevHub& hub, SendVerb verb);

// Without invalid UTF-8, on one line, with the newline.
[[nodiscard]] std::string to_line(const nlohmann::json& value);

}  // namespace jiro::dev_hub
