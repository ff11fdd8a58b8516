// SPDX-License-Identifier: MIT
#include "daemon/reload.hpp"

#include <csignal>

#include "daemon/events.hpp"
#include "daemon/load_configuration.hpp"
#include "daemon/log.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

Reloader::Reloader(const boost::asio::any_io_executor& executor, config::Config current,
                   config::Environment environment, const Clock& clock, ServiceNotifier& notifier, Apply apply)
    : signals_(executor, SIGHUP),
      current_(std::move(current)),
      environment_(std::move(environment)),
      clock_(clock),
      notifier_(notifier),
      apply_(std::move(apply)) {}

Task<> Reloader::run() {
    for (;;) {
        co_await signals_.async_wait(boost::asio::use_awaitable);
        reload();
    }
}

ReloadReport Reloader::reload() {
    notifier_.reloading();
    const auto report = try_reload();
    last_succeeded_ = report.accepted();
    last_at_ = clock_.wall_now();
    if (!report.accepted()) {
        complaint_ = "; last reload refused: " + report.errors.front();
    } else if (!report.want_restart.empty()) {
        complaint_ = "; a restart is wanted for " + join_with_commas(report.want_restart);
    } else {
        complaint_.clear();
    }
    if (report.accepted()) {
        reload_log.info("Configuration reloaded", {{"changed", join_with_commas(report.in_force)}});
        if (!report.want_restart.empty()) {
            reload_log.with_event(event::kWantsRestart)
                .warn("Some changed keys wait for a restart of the daemon",
                      {{"keys", join_with_commas(report.want_restart)}});
        }
    } else {
        for (const auto& error : report.errors)
            reload_log.with_event(event::kReloadRefused)
                .error("Reload refused; the old configuration stays", {{"reason", error}});
    }
    notifier_.ready();
    return report;
}

ReloadReport Reloader::try_reload() {
    ReloadReport report;
    auto loaded = load_configuration(current_.source, environment_);
    for (const auto& error : loaded.errors) report.errors.push_back(config::to_string(error));
    if (!loaded) return report;

    // An editor may have just truncated the file: an empty one is valid, and would silently end the daemon's only job.
    if (current_.websocket.hub_url && !loaded.config->websocket.hub_url) {
        report.errors.push_back(current_.source.string() +
                                ": WebSocket.HubUrl is no longer set; to disconnect from the hub stop the daemon");
        return report;
    }

    const auto changes = config::changes(current_, *loaded.config);
    auto next = config::in_force(std::move(*loaded.config), current_);
    if (const auto applied = apply_(next); !applied) {
        report.errors.push_back(applied.error().message);
        return report;
    }
    for (const auto& change : changes) {
        (change.effect == config::Effect::restart ? report.want_restart : report.in_force).push_back(change.key_path);
    }
    for (const auto& warning : next.warnings) reload_log.warn(warning.text);
    current_ = std::move(next);
    return report;
}

}  // namespace jiro::daemon
