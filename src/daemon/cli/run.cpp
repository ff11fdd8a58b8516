// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include "daemon/application.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/container_init.hpp"
#include "daemon/events.hpp"
#include "daemon/log.hpp"
#include "daemon/process_hardening.hpp"
#include "jiro/delivery/errors.hpp"

namespace jiro::daemon::cli {

namespace {

int run_application(config::Config config, Environment environment) {
    auto application = Application::make(std::move(config), std::move(environment));
    if (!application) {
        daemon_log.with_event(event::kCannotStart).error("Cannot start", {{"reason", application.error().message}});
        const bool is_mistaken = application.error().code == delivery::errc::wrong_file;  // a restart mends nothing
        return is_mistaken ? ExitCode::bad_configuration : ExitCode::failed;
    }
    try {
        (*application)->run();
        return ExitCode::good;
    } catch (const std::exception& error) {
        daemon_log.error("Stopped by an error that should not happen; please report it", {{"reason", error.what()}});
        return ExitCode::failed;
    }
}

// With fewer it would stop somewhere, for want of one, and say each time another thing.
bool are_descriptors_enough() {
    constexpr rlim_t kFewest = 64;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kFewest) return true;
    daemon_log.with_event(event::kCannotStart)
        .error("Cannot start",
               {{"reason", "only " + std::to_string(limit.rlim_cur) + " files may be open, and " +
                               std::to_string(kFewest) + " are the fewest (LimitNOFILE= of the unit, ulimit -n)"}});
    return false;
}

}  // namespace

int run(const std::string& config_file) {
    if (const auto code = serve_as_init()) return *code;
    harden_process();
    auto environment = process_environment();
    auto config = load_config(config_file, environment);
    log::configure(config.logging);
    const int exit_code = are_descriptors_enough() ? run_application(std::move(config), std::move(environment))
                                                   : static_cast<int>(ExitCode::failed);
    log::shutdown();
    return exit_code;
}

}  // namespace jiro::daemon::cli
