// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <boost/asio/thread_pool.hpp>
#include <iostream>
#include <optional>

#include "daemon/cli/interruptible.hpp"
#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/load_sampler.hpp"
#include "jiro/commands/render.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon::cli {

namespace {

CommandMessage to_message(const ExecOptions& options, RandomSource& random) {
    CommandMessage message;
    message.command = options.text;
    message.command_sync_id = "local-" + random.uuid();
    message.session_id = options.session_id.value_or("");
    message.parameters = options.parameters;
    return message;
}

void print_result(const FinishedCommand& finished, bool as_json) {
    if (as_json) {
        std::cout << jiro::commands::render_json(finished);
    } else {
        (finished.result.is_success() ? std::cout : std::cerr) << jiro::commands::render(finished.result);
    }
}

// As the service would run it: programs by the socket of their units, all else as the owner of the service's state, and
// not with all of root's powers. Says so to root.
Result<> take_service_user(config::Config& config, bool as_root) {
    const auto socket = jiro::commands::socket_for_programs(config.commands);
    const bool by_socket = socket && !as_root && access(socket->c_str(), W_OK) == 0;
    if (!by_socket) config.commands.run_as = jiro::commands::RunAs::daemon;
    if (geteuid() != 0) return {};
    std::optional<std::string> user;
    if (!as_root) {
        auto became = become_owner_of(config::find_outbox_of_unit(config, process_environment()).parent_path());
        if (!became) return became.error().with_prefix("--as-root runs it as root");
        user = std::move(*became);
    }
    std::cerr << "Running as " << user.value_or("root") << (by_socket ? "; programs in units of their own" : "")
              << '\n';
    return {};
}

}  // namespace

int exec(const std::string& config_file, const ExecOptions& options) {
    auto config = load_config(config_file, process_environment());
    if (const auto taken = take_service_user(config, options.as_root); !taken) {
        std::cerr << taken.error().message << '\n';
        return ExitCode::failed;
    }

    SystemClock clock;
    SystemRandom random;
    jiro::commands::LoadSampler load(clock);
    load.take_sample();
    const auto registry = make_registry_here(config, &load);

    boost::asio::io_context context(1);
    boost::asio::thread_pool workers(1);
    Interruptible interruptible(context);
    const auto finished = interruptible.run(
        jiro::commands::run_locally(to_message(options, random), config.commands, registry, clock, random, workers));
    print_result(finished, options.json);
    if (interruptible.signal() != 0) return interruptible.exit_code();
    return finished.result.is_success() ? ExitCode::good : ExitCode::failed;
}

}  // namespace jiro::daemon::cli
