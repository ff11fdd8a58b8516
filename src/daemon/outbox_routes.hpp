// SPDX-License-Identifier: MIT
#pragma once
// What an operator does to the outbox, as routes: GET /outbox, GET /outbox/show, POST /outbox/retry, POST /outbox/drop,
// their arguments in the query (percent-encoded), their answers JSON. The daemon serves them on its Unix sockets;
// `jiro-client outbox` calls the same functions in place when no daemon runs. Event loop only.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "jiro/delivery/outbox.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

// `changed` is called when rows became due. The routes refer to the outbox, which must outlive them.
[[nodiscard]] monitor::Routes outbox_routes(delivery::Outbox& outbox, std::function<void()> changed);

// "a=1&b=%20x" -> {a: "1", b: " x"}; what is not well encoded stays as it is.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_query(std::string_view query);
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace jiro::daemon
