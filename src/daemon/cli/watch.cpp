// SPDX-License-Identifier: MIT
// `status --watch`: on a terminal a view that is drawn anew every two seconds until Ctrl-C; elsewhere one status after
// the other.
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <optional>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/cli/terminal_screen.hpp"
#include "jiro/base/text.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/monitor/status_client.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kInterval = 2s;
constexpr auto kWatchLimit = 2s;  // Ctrl-C is heard after it

class Watch {
  public:
    explicit Watch(const monitor::Listen& listen) : listen_(listen) {}

    // The next view; a daemon that is away may come back, so that is a view, too.
    std::string next_view() {
        const auto asked = std::chrono::steady_clock::now();
        const std::string heading = local_text(std::chrono::system_clock::now()) + "\n\n";
        auto json = monitor::fetch_status(listen_, kWatchLimit);
        if (!json) {
            before_.reset();
            return heading + json.error().message + "\n";
        }
        std::optional<monitor::EarlierStatus> earlier;
        if (before_) earlier = {before_->json, std::chrono::duration<double>(asked - before_->at).count()};
        const auto view = monitor::status_view(*json, earlier);
        before_ = Before{std::move(*json), asked};
        return heading + (view ? *view : view.error().message + "\n");
    }

    // The next line of JSON; the reason goes to standard error when there is none.
    std::string next_json() {
        const auto json = monitor::fetch_status(listen_, kWatchLimit);
        if (json) return *json + "\n";
        report_failure(json.error().message);
        return {};
    }

  private:
    struct Before {
        std::string json;
        SteadyTime at;
    };

    const monitor::Listen& listen_;
    std::optional<Before> before_;
};

// Until the next view is due; false: the user ends it.
bool goes_on(const HeldSignals& signals, std::optional<TerminalScreen>& screen) {
    const auto signal = signals.wait(kInterval);
    if (signal == SIGTSTP) {
        if (screen) screen->leave();
        raise(SIGSTOP);  // until the shell's fg
        if (screen) screen->enter();
    }
    return !signal || signal == SIGTSTP || signal == SIGWINCH;
}

}  // namespace

int watch_status(const monitor::Listen& listen, Form form) {
    Watch watch(listen);
    const HeldSignals signals;
    std::optional<TerminalScreen> screen;
    if (form == Form::people && isatty(STDOUT_FILENO) != 0) screen.emplace();
    do {
        if (screen && !screen->draw(watch.next_view())) return ExitCode::failed;
        if (!screen) std::cout << (form == Form::json ? watch.next_json() : watch.next_view() + "\n") << std::flush;
        if (!std::cout) return ExitCode::failed;
    } while (goes_on(signals, screen));
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
