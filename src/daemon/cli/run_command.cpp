// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <boost/algorithm/string/replace.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <optional>

#include "daemon/cli/subcommands.hpp"
#include "daemon/process_hardening.hpp"
#include "daemon/service_notifier.hpp"
#include "jiro/base/null_device.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/commands/errors.hpp"
#include "jiro/commands/unit_side.hpp"
#include "jiro/config/definitions.hpp"

namespace jiro::daemon::cli {

namespace {

// A program of the same user may stop this process and live on: then systemd misses this, and ends the unit.
Task<> feed_unit_watchdog(Clock& clock) {
    const auto interval = ServiceNotifier::watchdog_interval();
    ServiceNotifier notifier;
    for (;;) {
        if (interval) notifier.watchdog();
        co_await clock.sleep_for(interval.value_or(std::chrono::hours(1)));
    }
}

jiro::commands::UnitPolicy policy_of(const RunCommandOptions& options) {
    using jiro::commands::Undefined;
    if (options.definitions.empty()) return {};
    const auto definition_of = [options](const std::string& name) -> Result<jiro::commands::ExecCommand> {
        auto found = config::find_definition(options.definitions, name, process_environment());
        if (found.command) return std::move(*found.command);
        if (!options.known_as.empty()) {
            boost::algorithm::replace_all(found.problem, options.definitions, options.known_as);
        }
        using jiro::commands::errc;
        return Error(found.is_defined ? errc::bad_definition : errc::not_defined, std::move(found.problem));
    };
    return {definition_of, options.run_undefined ? Undefined::run : Undefined::refuse};
}

Task<Result<>> serve_fed(FileDescriptor connection, Clock& clock, const RunCommandOptions& options) {
    std::optional<Result<>> result;
    auto serving = jiro::commands::serve_command(std::move(connection), clock, policy_of(options));
    auto keeping_result = into(result, std::move(serving));
    auto feeding = feed_unit_watchdog(clock);
    static_cast<void>(co_await race(std::move(keeping_result), std::move(feeding)));
    co_return result.value_or(Result<>());
}

}  // namespace

int run_command(const RunCommandOptions& options) {
    harden_process();
    FileDescriptor connection(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    close(STDIN_FILENO);  // the connection has one owner
    auto nothing = open_null_device();
    if (!nothing || nothing->release() != STDIN_FILENO) {
        std::cerr << "jiro-client: " << (nothing ? "standard input is taken" : nothing.error().message) << '\n';
        return ExitCode::failed;
    }

    boost::asio::io_context context(1);
    SystemClock clock;
    const auto result = run_blocking(context, serve_fed(std::move(connection), clock, options));
    if (result) return ExitCode::good;
    std::cerr << "jiro-client run-command is started by systemd, for jiro-command.socket: " << result.error().message
              << '\n';
    return ExitCode::usage;
}

}  // namespace jiro::daemon::cli
