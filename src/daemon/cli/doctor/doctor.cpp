// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "daemon/cli/doctor/configuration_checks.hpp"
#include "daemon/cli/doctor/local_checks.hpp"
#include "daemon/cli/doctor/network_checks.hpp"
#include "daemon/cli/doctor/render.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/process_hardening.hpp"
#include "jiro/base/log.hpp"
#include "jiro/config/credentials.hpp"

namespace jiro::daemon::cli {

namespace {

// Root may look at the credentials that systemd gave to the running service of this configuration file.
void adopt_credentials_directory(Environment& environment, const std::filesystem::path& config_file) {
    if (environment.contains("CREDENTIALS_DIRECTORY") || config_file.parent_path() != "/etc/jiro") return;
    const auto name = config_file.stem().string();
    const std::string unit = name == "config" ? "jiro-client.service" : "jiro-client@" + name + ".service";
    const auto folder = std::filesystem::path("/run/credentials") / unit;
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) environment["CREDENTIALS_DIRECTORY"] = folder.string();
}

void append(std::vector<Finding>& all, std::vector<Finding> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Finding> check_everything(const config::Config& config, const Environment& environment, bool offline) {
    const auto now = std::chrono::system_clock::now();
    auto all = check_configuration(config, environment, now);
    append(all, check_clock(now));
    if (!offline) append(all, check_network(config, environment));
    auto daemon = check_daemon(config);
    append(all, daemon.findings);
    append(all, check_state(config, outbox_location(config), daemon));  // the last: it may take on another user
    return all;
}

void print_findings(const std::vector<Finding>& findings, bool as_json) {
    if (as_json) {
        std::cout << render_json(findings);
        return;
    }
    const bool coloured = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    std::cout << render_text(findings, coloured ? Colour::on : Colour::off);
}

}  // namespace

int doctor(const std::string& config_file, const DoctorOptions& options) {
    harden_process();
    // What a module would log is among the findings.
    log::configure({.level = log::Level::error, .target = log::Target::console});
    auto environment = process_environment();
    adopt_credentials_directory(environment, config_file);

    const auto loaded = config::load_file(config_file, environment);
    if (!loaded) {
        print_findings(report_errors(loaded.errors), options.json);
        return ExitCode::bad_configuration;
    }
    const auto& config = *loaded.config;
    std::vector<Secret> secrets;
    if (const auto credentials = config::read_credentials(config.credentials, environment))
        secrets = {credentials->access_token, credentials->api_key};
    auto findings = check_everything(config, environment, options.offline);
    hide(findings, secrets);
    print_findings(findings, options.json);
    log::shutdown();
    return worst(findings) == Verdict::problem ? ExitCode::failed : ExitCode::good;
}

}  // namespace jiro::daemon::cli
