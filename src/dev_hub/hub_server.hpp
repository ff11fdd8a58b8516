// SPDX-License-Identifier: MIT
#pragma once
// The SignalR side as a whole: answers negotiate and upgrade requests (paths, credentials, ids, refusals on request)
// and holds the sessions. Event loop only.

#include <list>
#include <memory>
#include <string>

#include "dev_hub/hub_session.hpp"
#include "dev_hub/misbehaviour.hpp"
#include "dev_hub/negotiate.hpp"
#include "dev_hub/web_socket.hpp"

namespace jiro::dev_hub {

class HubServer final : public WebHandler {
  public:
    struct Events {
        std::function<void(HubSession&)> on_ready;
        std::function<void(HubSession&)> on_ended;
        std::function<void()> on_negotiated;
        std::function<void()> on_refused;
    };
    HubServer(Executor executor, Clock& clock, RandomSource& random, const Options& options, Events events);

    [[nodiscard]] Result<std::uint16_t> start(const Endpoint& address);
    [[nodiscard]] bool running() const noexcept { return listener_ != nullptr; }
    // Close with allowReconnect to every client, then wait, then abort.
    [[nodiscard]] Task<> stop(Duration limit);

    // The sessions whose handshake is done.
    [[nodiscard]] const std::list<HubSession*>& ready() const noexcept { return ready_; }
    // False when `misbehaviour` does not concern the hub.
    bool apply(const Misbehaviour& misbehaviour);

    [[nodiscard]] Task<HttpAnswer> on_request(HttpRequest request) override;
    [[nodiscard]] Task<> on_web_socket(std::shared_ptr<WebSocket> socket, HttpAnswer accepted) override;

  private:
    [[nodiscard]] HttpAnswer answer_to(const HttpRequest& request);
    [[nodiscard]] HttpAnswer negotiate(const HttpRequest& request);
    [[nodiscard]] HttpAnswer upgrade(const HttpRequest& request);
    [[nodiscard]] bool authorized(const HttpRequest& request) const;
    [[nodiscard]] HttpAnswer refused(unsigned status, std::string body);

    Executor executor_;
    Clock& clock_;
    RandomSource& random_;
    const Options& options_;
    Events events_;
    Secret bearer_;
    Negotiations negotiations_;
    std::list<HubSession*> ready_;
    std::list<HubSession*> all_;
    Misbehaviour refusal_;  // what: none, refuse or html
    Chance refuse_;
    std::unique_ptr<WebListener> listener_;
};

}  // namespace jiro::dev_hub
