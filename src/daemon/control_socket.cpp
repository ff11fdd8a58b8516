// SPDX-License-Identifier: MIT
#include "daemon/control_socket.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "daemon/route_reply.hpp"

namespace jiro::daemon {

namespace {

using nlohmann::json;

constexpr auto kSocketName = "control.sock";

std::optional<monitor::Listen> socket_of_systemd(const Environment& environment) {
    const std::filesystem::path folder = systemd_folder(environment, "RUNTIME_DIRECTORY");
    if (folder.empty()) return std::nullopt;
    return monitor::ListenUnix{(folder / kSocketName).string()};
}

monitor::Listen socket_of_packaged_unit(const std::filesystem::path& config_file) {
    const auto name = config_file.stem().string();
    const std::filesystem::path folder = name == "config" ? "/run/jiro-client" : "/run/jiro-client-" + name;
    return monitor::ListenUnix{(folder / kSocketName).string()};
}

Task<monitor::RouteReply> reload(Reloader& reloader, monitor::RouteRequest) {
    const auto report = co_await reloader.reload();
    json body{{"accepted", report.accepted()}};
    if (report.accepted()) {
        body["changed"] = report.in_force;
        body["wantRestart"] = report.want_restart;
    } else {
        body["errors"] = report.errors;
    }
    co_return reply_with(report.accepted() ? 200 : 422, body);
}

}  // namespace

monitor::Settings control_settings(const Environment& environment, const monitor::Settings& monitoring) {
    const auto socket = socket_of_systemd(environment);
    if (!socket || *socket == monitoring.listen) return {monitor::ListenOff{}};
    return {*socket};
}

std::vector<monitor::Listen> control_candidates(const std::string& config_file, const Environment& environment) {
    std::vector<monitor::Listen> candidates;
    const auto add = [&candidates](const monitor::Listen& listen) {
        if (std::ranges::find(candidates, listen) == candidates.end()) candidates.push_back(listen);
    };
    if (const auto socket = socket_of_systemd(environment)) add(*socket);
    if (const auto loaded = config::load_file(config_file, environment)) {
        if (std::holds_alternative<monitor::ListenUnix>(loaded.config->monitoring.listen))
            add(loaded.config->monitoring.listen);
    }
    // Only a file of the packaged units: another daemon's socket must not be taken for this file's.
    if (std::filesystem::path(config_file).parent_path() == "/etc/jiro") add(socket_of_packaged_unit(config_file));
    return candidates;
}

monitor::Routes reload_route(Reloader& reloader) {
    return {{std::string(monitor::kReloadRoute), std::bind_front(reload, std::ref(reloader))}};
}

}  // namespace jiro::daemon
