#include <chrono>
#include <iostream>

#include "daemon/cli/exit_code.hpp"
#include "daemon/cli/load_config.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/cli/watch.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/monitor/status_client.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerLimit = 5s;

int report_readiness(const monitor::Listen& listen) {
    const auto answer = monitor::get(listen, "/readyz", kAnswerLimit);
    return answer && answer->status == 200 ? ExitCode::good : ExitCode::failed;
}

int show(const monitor::Listen& listen, bool as_json) {
    const auto json = monitor::fetch_status(listen, kAnswerLimit);
    if (!json) {
        std::cerr << "jiro-client: " << json.error().message << '\n';
        return ExitCode::failed;
    }
    if (as_json) {
        std::cout << *json << std::endl;
        return ExitCode::good;
    }
    const auto table = monitor::status_table(*json);
    if (!table) {
        std::cerr << "jiro-client: " << table.error().message << '\n';
        return ExitCode::failed;
    }
    std::cout << *table << std::flush;
    return ExitCode::good;
}

}  // namespace

int status(const StatusOptions& options) {
    const auto config = load_config_or_complain(options.config_file, config::process_environment());
    if (!config) return ExitCode::bad_configuration;
    const auto& listen = config->monitoring.listen;
    if (options.ready_only) return report_readiness(listen);
    if (options.watch) return watch_status(listen, options.json ? WatchForm::machines : WatchForm::people);
    return show(listen, options.json);
}

}  // namespace jiro::daemon::cli
