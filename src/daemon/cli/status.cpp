// SPDX-License-Identifier: MIT
#include <chrono>
#include <iostream>
#include <optional>
#include <string>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/control_socket.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/monitor/status_client.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kStatusLimit = 5s;

// Where a daemon answers whose file this user may not read (it holds secrets) or whose file is broken by now: first its
// sockets, then, for the default file, the default address. Nothing when nobody answers there.
std::optional<monitor::Listen> find_without_file(const std::string& config_file, const Environment& environment) {
    auto candidates = control_candidates(config_file, environment);
    if (config_file == kDefaultConfigFile) candidates.push_back(monitor::Settings{}.listen);
    for (const auto& candidate : candidates) {
        if (monitor::get(candidate, "/healthz", kStatusLimit)) return candidate;
    }
    return std::nullopt;
}

monitor::Listen where_to_ask(const std::string& config_file) try {
    return load_config(config_file, process_environment()).monitoring.listen;
} catch (const BadConfiguration& error) {
    const auto found = find_without_file(config_file, process_environment());
    if (!found) throw;
    std::cerr << error.what() << "jiro-client: asking the daemon at " << monitor::to_string(*found) << " instead\n";
    return *found;
}

int report_readiness(const monitor::Listen& listen) {
    const auto answer = monitor::get(listen, "/readyz", kStatusLimit);
    return answer && answer->status == 200 ? ExitCode::good : ExitCode::failed;
}

// What is to be printed of the JSON of /status.
Result<std::string> form_of(const std::string& json, const StatusOptions& options) {
    const auto line = [](Result<std::string> text) {
        if (text) *text += '\n';
        return text;
    };
    if (options.recent) {
        return options.json ? line(monitor::ended_json(json, options.filter))
                            : monitor::ended_table(json, options.filter);
    }
    if (options.by_name) return options.json ? line(monitor::by_name_json(json)) : monitor::by_name_table(json);
    return options.json ? line(json) : monitor::status_table(json);
}

int show_status(const monitor::Listen& listen, const StatusOptions& options) {
    const auto json = monitor::fetch_status(listen, kStatusLimit);
    const auto text = json ? form_of(*json, options) : Result<std::string>(json.error());
    if (!text) return report_failure(text.error().message);
    std::cout << *text << std::flush;
    return ExitCode::good;
}

}  // namespace

int status(const std::string& config_file, const StatusOptions& options) {
    const auto listen = where_to_ask(config_file);
    if (options.ready_only) return report_readiness(listen);
    if (options.watch) return watch_status(listen, options.json ? Form::json : Form::people);
    return show_status(listen, options);
}

}  // namespace jiro::daemon::cli
