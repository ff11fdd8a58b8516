// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>

#include "daemon/cli/doctor/configuration_checks.hpp"
#include "daemon/cli/doctor/local_checks.hpp"
#include "daemon/cli/doctor/look.hpp"
#include "daemon/cli/doctor/network_checks.hpp"
#include "daemon/cli/doctor/render.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/hub_overlay.hpp"
#include "daemon/process_hardening.hpp"
#include "jiro/base/log.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon::cli {

namespace {

void print(const Findings& findings, bool as_json) {
    if (as_json) {
        std::cout << render_json(findings.all());
        return;
    }
    const bool coloured = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    std::cout << render_text(findings.all(), coloured ? Colour::on : Colour::off);
}

}  // namespace

int doctor(const std::string& config_file, const DoctorOptions& options) {
    harden_process();
    // What a module would log is among the findings.
    log::configure({.level = log::Level::error, .target = log::Target::console});
    auto environment = process_environment();
    adopt_credentials_directory(environment, config_file);

    Findings findings;
    const std::function<config::LoadResult()> load = [config_file, environment] {
        return load_with_overlay(config_file, environment);
    };
    const auto loaded = look_in_time(config_file, load, kLoadLimit).value_or(not_loaded_in_time(config_file));
    if (!loaded) {
        report_errors(findings, loaded.errors);
        print(findings, options.json);
        return ExitCode::bad_configuration;
    }
    const auto& config = *loaded.config;
    const auto credentials = read_credentials_in_time(config.credentials, environment);
    const auto now = std::chrono::system_clock::now();
    check_configuration(findings, config, environment, now);
    check_clock(findings, now);
    if (!options.offline) check_network(findings, config, environment);
    const bool daemon_runs = check_daemon(findings, config);
    check_state(findings, config, config::find_outbox_of_unit(config, environment), environment,
                daemon_runs);  // the last: it may take on another user
    std::vector<Secret> secrets;
    if (credentials) secrets = {credentials->access_token, credentials->api_key};
    if (const auto key = read_credentials_in_time(config.chat_credentials, environment))
        secrets.push_back(key->api_key);
    findings.hide(secrets);
    print(findings, options.json);
    log::shutdown();
    return worst(findings.all()) == Verdict::problem ? ExitCode::failed : ExitCode::good;
}

}  // namespace jiro::daemon::cli
