// SPDX-License-Identifier: MIT
#pragma once
// What an operator does to the outbox, as routes: GET /outbox, GET /outbox/show, POST /outbox/retry, POST /outbox/drop,
// their arguments in the query (percent-encoded), their answers JSON. The daemon serves them on its Unix sockets;
// `jiro-client outbox` calls the same functions in place when no daemon runs. Event loop only.

#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// `courier` has rows of the outbox in its hands; null: no daemon runs. Both must outlive the routes, which refer to
// them.
[[nodiscard]] monitor::Routes outbox_routes(delivery::Outbox& outbox, delivery::Courier* courier);

}  // namespace jiro::daemon
