// SPDX-License-Identifier: MIT
#include "signalr/transport/http_client.hpp"
#include "signalr/transport/transport.hpp"
#include "signalr/transport/websocket_transport.hpp"

namespace jiro::signalr {

namespace {

class BeastConnector final : public Connector {
  public:
    explicit BeastConnector(Clock& clock) : clock_(clock) {}

    Task<Result<HttpResponse>> post(HttpRequest request) override { return http_post(clock_, std::move(request)); }
    Task<Result<Upgrade>> open(HttpRequest request) override { return open_websocket(clock_, std::move(request)); }

  private:
    Clock& clock_;
};

}  // namespace

std::shared_ptr<Connector> make_beast_connector(Clock& clock) { return std::make_shared<BeastConnector>(clock); }

}  // namespace jiro::signalr
