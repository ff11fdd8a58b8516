// SPDX-License-Identifier: MIT
// `pause`, `resume` and `drain`: whether the daemon starts commands.
#include <iostream>
#include <thread>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 500ms;

struct Running {
    std::size_t count;
    bool is_paused;  // by an order, ours or a later one
};

// Nothing after it was printed why that is not known.
std::optional<Running> look(const std::string& config_file) {
    const auto answer = ask_daemon_or_report(config_file, Method::get, "/running");
    if (!answer) return std::nullopt;
    return Running{list_member(*answer, "running").size(), member_as<bool>(*answer, "paused").value_or(true)};
}

std::string go_on(const Running& running) {
    return std::to_string(running.count) + (running.count == 1 ? " command goes on\n" : " commands go on\n");
}

bool order_pause(const std::string& config_file, const PauseOptions& options) {
    std::string target = "/pause?note=" + percent_encode(options.note);
    if (options.seconds > 0) target += "&seconds=" + std::to_string(options.seconds);
    if (options.refuse) target += "&refuse=yes";
    const auto answer = ask_daemon_or_report(config_file, Method::post, target);
    if (!answer) return false;
    if (!member_as<bool>(*answer, "kept").value_or(false)) {
        std::cerr << "jiro-client: paused, but only until the daemon's next start: "
                  << escaped(text_member(*answer, "reason")) << '\n';
    }
    return true;
}

}  // namespace

int pause(const std::string& config_file, const PauseOptions& options) {
    if (!order_pause(config_file, options)) return ExitCode::failed;
    const auto running = look(config_file);
    if (!running) return ExitCode::failed;
    std::cout << "Paused "
              << (options.seconds > 0 ? "for " + for_people(std::chrono::seconds(options.seconds))
                                      : std::string("until `jiro-client resume`"))
              << "; " << go_on(*running);
    return ExitCode::good;
}

int resume(const std::string& config_file) {
    const auto answer = ask_daemon_or_report(config_file, Method::post, "/resume");
    if (!answer) return ExitCode::failed;
    std::cout << (member_as<bool>(*answer, "resumed").value_or(false) ? "Resumed\n" : "It was not paused\n");
    if (const auto closed = escaped(text_member(*answer, "closed")); !closed.empty()) {
        std::cout << "No command starts yet: " << closed << '\n';
    }
    return ExitCode::good;
}

int drain(const std::string& config_file, const PauseOptions& options) {
    if (!order_pause(config_file, options)) return ExitCode::failed;
    for (;;) {
        const auto running = look(config_file);
        if (!running) return ExitCode::failed;
        if (!running->is_paused) {
            std::cerr << "jiro-client: the pause was ended meanwhile; commands start again\n";
            return ExitCode::failed;
        }
        if (running->count == 0) break;
        if (!options.wait) {
            std::cout << "Draining; " << go_on(*running);
            return ExitCode::good;
        }
        std::this_thread::sleep_for(kLookAgain);
    }
    std::cout << "Drained: nothing runs, and nothing starts until `jiro-client resume`\n";
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
