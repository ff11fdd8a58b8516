// SPDX-License-Identifier: MIT
#include "daemon/reload.hpp"

#include <algorithm>
#include <csignal>

#include "daemon/events.hpp"
#include "daemon/hub_overlay.hpp"
#include "daemon/log.hpp"
#include "daemon/state_directory.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/text.hpp"
#include "jiro/config/load.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon {

namespace {

constexpr std::size_t kMaxLoaders = 2;

// What is valid and most likely not meant. An editor or a playbook cuts a file to nothing before it writes it anew:
// what the file said (whom to trust, the hub) must not be forgotten at that moment. Empty: nothing.
std::string why_not_meant(const config::Config& current, const config::Config& next) {
    const auto was_filled = [&current](const std::filesystem::path& file) {
        const bool is_known = file == current.source || std::ranges::count(current.pieces, file) > 0;
        return is_known && !current.empty.contains(file);
    };
    const auto emptied = std::ranges::find_if(next.empty, was_filled);
    if (emptied != next.empty.end()) {
        return emptied->string() +
               ": is empty now, as while it is being written; if that is meant, remove it or leave a comment in it";
    }
    if (current.websocket.hub_url && !next.websocket.hub_url) {
        return next.source.string() + ": WebSocket.HubUrl is no longer set; to disconnect from the hub stop the daemon";
    }
    return {};
}

std::vector<std::filesystem::path> files_in_use(const config::Config& running, const Environment& environment) {
    const auto outbox = config::find_outbox_path(running.delivery.outbox, environment);
    return {outbox, running.delivery.outbox.redo_log, config::find_sessions_path(running, outbox, environment)};
}

}  // namespace

Reloader::Reloader(const Executor& executor, config::Config current, Environment environment, Clock& clock,
                   ServiceNotifier& notifier, Apply apply)
    : signals_(executor, SIGHUP),
      current_(std::move(current)),
      environment_(std::move(environment)),
      clock_(clock),
      notifier_(notifier),
      apply_(std::move(apply)),
      reloaded_(executor) {}

Task<> Reloader::run() {
    for (;;) {
        co_await signals_.async_wait(kAwait);
        co_await reload();
    }
}

Task<ReloadReport> Reloader::reload() {
    while (is_reloading_) co_await reloaded_.wait();
    is_reloading_ = true;
    notifier_.reloading();
    // However it ends: systemd hears of it, and the next one may begin.
    const AtEnd at_end([this] {
        is_reloading_ = false;
        notifier_.ready();
        reloaded_.notify();
    });
    auto loaded = co_await load();
    auto report = try_reload(std::move(loaded));
    log_report(report);
    co_return report;
}

Task<Result<>> Reloader::change(config::Config loaded, std::vector<std::string> paths) {
    while (is_reloading_) co_await reloaded_.wait();
    co_return put_in_force(config::with_keys(current_, loaded, paths));
}

Task<config::LoadResult> Reloader::load() {
    static auto& readers = *new OutsideFunctions<config::LoadResult>("reload", kMaxLoaders);
    const auto file = current_.source;
    std::function<config::LoadResult()> read = [file, environment = environment_, running = current_] {
        auto loaded = load_with_overlay(file, environment);
        if (!loaded) return loaded;
        // What is written goes on being written where a restart only would change it.
        for (auto& [key, what] : config::shared_files(config::in_force(*loaded.config, running), environment))
            loaded.errors.push_back(
                {file.string(), 0, 0, std::move(key), what + ", still in use until the restart; name another"});
        // What the restart would end with.
        const auto outbox = config::find_outbox_path(loaded.config->delivery.outbox, environment);
        for (auto& foreign : foreign_files(*loaded.config, outbox, environment, files_in_use(running, environment)))
            loaded.errors.push_back({file.string(), 0, 0, {}, std::move(foreign.message)});
        return loaded;
    };
    // Each reads anew: the file may have been written meanwhile.
    auto loading = readers.run(std::move(read), clock_, kLoadLimit);
    auto loaded = co_await std::move(loading);
    if (loaded) co_return std::move(*loaded);
    co_return not_loaded_in_time(file);
}

void Reloader::log_report(const ReloadReport& report) {
    last_succeeded_ = report.accepted();
    last_at_ = clock_.wall_now();
    if (!report.accepted()) {
        status_note_ = "; last reload refused: " + report.errors.front();
    } else if (!report.want_restart.empty()) {
        status_note_ = "; a restart is wanted for " + join_with_commas(report.want_restart);
    } else {
        status_note_.clear();
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
}

ReloadReport Reloader::try_reload(config::LoadResult loaded) {
    ReloadReport report;
    for (const auto& error : loaded.errors) report.errors.push_back(config::to_string(error));
    if (!report.accepted()) return report;

    if (auto reason = why_not_meant(current_, *loaded.config); !reason.empty()) {
        report.errors.push_back(std::move(reason));
        return report;
    }

    const auto changes = config::changes(current_, *loaded.config);
    if (const auto applied = put_in_force(config::in_force(std::move(*loaded.config), current_)); !applied) {
        report.errors.push_back(applied.error().message);
        return report;
    }
    for (const auto& change : changes) {
        (change.effect == config::Effect::restart ? report.want_restart : report.in_force).emplace_back(change.path);
    }
    for (const auto& warning : current_.warnings) reload_log.warn(warning.text);
    return report;
}

Result<> Reloader::put_in_force(config::Config next) {
    auto applied = apply_(next);
    if (applied) current_ = std::move(next);
    return applied;
}

}  // namespace jiro::daemon
