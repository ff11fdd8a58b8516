// SPDX-License-Identifier: MIT
#pragma once
// How a running server is driven: HTTP on a Unix socket, `POST /VERB` with a JSON object (or nothing) as the body and a
// JSON object as the answer (docs/dev-hub.md lists the verbs). Control is what `serve` answers with; ask() is the other
// end. Event loop only, but for ask(), which blocks.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "dev_hub/dev_hub.hpp"
#include "dev_hub/web_socket.hpp"

namespace jiro::dev_hub {

class Control final : public WebHandler {
  public:
    explicit Control(DevHub& hub) : hub_(hub) {}

    // Never fails: nonsense is answered with {"ok": false, "error": ...} and status 400, or 404 for no verb; what
    // cannot be done, or not in time, with 502 to 504.
    [[nodiscard]] Task<HttpAnswer> on_request(HttpRequest request) override;
    // No request is answered with 101.
    [[nodiscard]] Task<> on_web_socket(std::shared_ptr<WebSocket>, HttpAnswer) override { co_return; }

  private:
    DevHub& hub_;
};

// Asks the server in another process, and waits as long as it takes.
[[nodiscard]] Result<nlohmann::json> ask(const std::filesystem::path& socket, const std::string& verb,
                                         const nlohmann::json& request);

}  // namespace jiro::dev_hub
