// SPDX-License-Identifier: MIT
#pragma once
// What an operator does to the outbox, as routes: GET /outbox, GET /outbox/show, POST /outbox/retry, POST /outbox/drop,
// their arguments in the query (percent-encoded), their answers JSON. The daemon serves them on its Unix sockets;
// `jiro-client outbox` calls the same functions in place when no daemon runs. Event loop only.

#include <functional>
#include <optional>
#include <string>

#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/model/delivery_state.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// The running daemon, which has rows of the outbox in its hands, and is told what becomes of them. The courier must
// outlive the routes, which refer to it.
struct OutboxUsers {
    delivery::Courier& courier;
    std::function<void(const std::string& id, DeliveryState state)> became;
};

// `users`: none when no daemon runs. The outbox must outlive the routes, which refer to it.
[[nodiscard]] monitor::Routes outbox_routes(delivery::Outbox& outbox, std::optional<OutboxUsers> users);

}  // namespace jiro::daemon
