// SPDX-License-Identifier: MIT
#pragma once
// One order to the running daemon, over its control socket (control_socket.hpp). Used by `reload` and `outbox`.

#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/monitor/settings.hpp"
#include "jiro/monitor/status_client.hpp"

namespace jiro::daemon::cli {

enum class Method { get, post };

// Asks at the first of `sockets` where somebody answers. Errors are monitor::errc; not_running when nobody does.
[[nodiscard]] Result<monitor::Answer> ask_daemon(const std::vector<monitor::Listen>& sockets, Method method,
                                                 std::string_view target);

}  // namespace jiro::daemon::cli
