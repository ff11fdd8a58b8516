// SPDX-License-Identifier: MIT
#include "daemon/cli/ask_daemon.hpp"

#include <chrono>

#include "jiro/monitor/errors.hpp"

namespace jiro::daemon::cli {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(30);

}  // namespace

Result<monitor::Answer> ask_daemon(const std::vector<monitor::Listen>& sockets, Method method,
                                   std::string_view target) {
    std::string tried;
    for (const auto& socket : sockets) {
        auto answer = method == Method::get ? monitor::get(socket, target, kAnswerLimit)
                                            : monitor::post(socket, target, "", kAnswerLimit);
        if (answer || answer.error().code != monitor::errc::not_running) return answer;
        tried += (tried.empty() ? "" : ", ") + monitor::to_string(socket);
    }
    if (tried.empty()) {
        return Error(monitor::errc::not_running,
                     "the daemon's control socket is not known: set RUNTIME_DIRECTORY as the daemon has it, or give "
                     "Monitoring.Listen a unix: path");
    }
    return Error(monitor::errc::not_running,
                 "no daemon answers at " + tried + "; is it running (`systemctl status jiro-client`)?");
}

}  // namespace jiro::daemon::cli
