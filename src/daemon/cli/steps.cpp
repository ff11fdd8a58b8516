// SPDX-License-Identifier: MIT
#include "daemon/cli/steps.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>

#include "daemon/chat_commands.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/hub_overlay.hpp"
#include "daemon/version.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/text.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::daemon::cli {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(30);

Result<monitor::Answer> ask_here(RoutesHere& here, Method method, const std::string& target) {
    const auto question = target.find('?');
    const auto route = here.routes.find((method == Method::get ? "GET " : "POST ") + target.substr(0, question));
    if (route == here.routes.end()) return Error(monitor::errc::refused, "there is no such verb");
    monitor::RouteRequest request;
    if (question != std::string::npos) request.query = target.substr(question + 1);
    auto reply = run_blocking(here.context, route->second(std::move(request)));
    return monitor::Answer{reply.status, std::move(reply.json)};
}

bool is_nobody_there(const Result<monitor::Answer>& answer) {
    return !answer && answer.error().code == monitor::errc::not_running;
}

}  // namespace

std::shared_ptr<const commands::CommandRegistry> make_registry_here(const config::Config& config,
                                                                    const commands::LoadSampler* load) {
    commands::BuiltinServices services{.version = kVersion, .status = {}, .load = load};
    if (config.chat.is_configured()) services.others = [&config] { return make_absent_chat_commands(config.chat); };
    auto registry = commands::make_registry(config.commands, services);
    if (!registry) throw BadConfiguration(registry.error().message + '\n');
    return std::move(*registry);
}

config::Config load_config(const std::string& file, const Environment& environment) {
    auto loaded = load_with_overlay(file, environment);
    std::string problems;
    for (const auto& error : loaded.errors) problems += config::to_string(error) + '\n';
    if (!loaded) throw BadConfiguration(problems);
    return std::move(*loaded.config);
}

std::string unit_of(const std::filesystem::path& config_file) {
    if (config_file.parent_path() != "/etc/jiro") return {};
    const auto name = config_file.stem().string();
    return name == "config" ? "jiro-client.service" : "jiro-client@" + name + ".service";
}

void adopt_credentials_directory(Environment& environment, const std::filesystem::path& config_file) {
    const auto unit = unit_of(config_file);
    if (environment.contains("CREDENTIALS_DIRECTORY") || unit.empty()) return;
    const auto folder = std::filesystem::path("/run/credentials") / unit;
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) environment["CREDENTIALS_DIRECTORY"] = folder.string();
}

Result<> write_new_file(const std::string& file, std::string_view text, mode_t mode) {
    const FileDescriptor out(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (out && write_all(out.get(), text)) return {};
    const Error error(boost::system::error_code(errno, boost::system::generic_category()));
    if (out) unlink(file.c_str());  // half of a file would be in the way of the next try
    return error;
}

Result<monitor::Answer> ask_daemon(const std::vector<monitor::Listen>& sockets, Method method, std::string_view target,
                                   std::string_view body) {
    std::string tried;
    for (const auto& socket : sockets) {
        auto answer = method == Method::get ? monitor::get(socket, target, kAnswerLimit)
                                            : monitor::post(socket, target, body, kAnswerLimit);
        if (!is_nobody_there(answer)) return answer;
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

std::vector<nlohmann::json> list_member(const nlohmann::json& object, const char* name) {
    return member_as<std::vector<nlohmann::json>>(object, name).value_or(std::vector<nlohmann::json>());
}

std::string time_member(const nlohmann::json& object, const char* name) {
    const auto seconds = member_as<double>(object, name);
    return seconds ? local_text(WallTime(std::chrono::seconds(static_cast<std::int64_t>(*seconds)))) : "-";
}

int report_failure(std::string_view why) {
    std::cerr << "jiro-client: " << escaped(why) << '\n';
    return ExitCode::failed;
}

int print_json(const nlohmann::json& value) {
    std::cout << json_text(value, 2) << '\n';
    return ExitCode::good;
}

std::optional<nlohmann::json> json_or_report(const Result<monitor::Answer>& answer) {
    std::string reason;
    if (answer) {
        auto body = json_or_null(answer->body);
        if (answer->status == 200 && body.is_object()) return body;
        reason = text_member(body, "error");
        if (reason.empty()) reason = trimmed(answer->body);
    } else {
        reason = answer.error().message;
    }
    report_failure(reason);
    return std::nullopt;
}

std::optional<nlohmann::json> ask_daemon_or_report(const std::string& config_file, Method method,
                                                   std::string_view target) {
    const auto environment = process_environment();
    const auto answer = ask_daemon(control_candidates(config_file, environment), method, target);
    auto body = json_or_report(answer);
    if (is_nobody_there(answer)) static_cast<void>(load_config(config_file, environment));
    return body;
}

DaemonOrRoutes::DaemonOrRoutes(const std::string& config_file, Open open)
    : config_file_(config_file),
      open_(std::move(open)),
      sockets_(control_candidates(config_file, process_environment())) {}

std::optional<nlohmann::json> DaemonOrRoutes::ask(Method method, const std::string& target) {
    if (!here_) {
        const auto answer = ask_daemon(sockets_, method, target);
        if (!is_nobody_there(answer)) return json_or_report(answer);
        auto opened = open_(config_file_);
        if (!opened) return json_or_report(opened.error());
        here_ = std::move(*opened);
    }
    return json_or_report(ask_here(*here_, method, target));
}

}  // namespace jiro::daemon::cli
