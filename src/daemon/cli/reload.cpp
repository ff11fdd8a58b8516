// SPDX-License-Identifier: MIT
#include <iostream>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/control_socket.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

// A member that holds a list of texts, to be shown; empty when it is anything else: the answer is not trusted to be
// ours.
std::vector<std::string> texts(const json& body, const char* member) {
    auto shown = member_as<std::vector<std::string>>(body, member).value_or(std::vector<std::string>());
    for (auto& text : shown) text = escaped(text);
    return shown;
}

int show_accepted(const json& body) {
    const auto changed = texts(body, "changed");
    const auto want_restart = texts(body, "wantRestart");
    if (changed.empty() && want_restart.empty()) std::cout << "Reloaded; nothing changed\n";
    if (!changed.empty()) std::cout << "Reloaded; in force: " << join_with_commas(changed) << '\n';
    if (!want_restart.empty()) std::cout << "Wants a restart: " << join_with_commas(want_restart) << '\n';
    return ExitCode::good;
}

}  // namespace

int reload(const std::string& config_file) {
    const auto environment = process_environment();
    const auto answer = ask_daemon(control_candidates(config_file, environment), Method::post, "/reload");
    if (!answer) {
        report_failure(answer.error().message);
        // Nobody to ask; what the daemon would have said about the file is still worth saying.
        static_cast<void>(load_config(config_file, environment));
        return ExitCode::failed;
    }
    const auto body = json_or_null(answer->body);
    if (answer->status == 200 && body.is_object()) return show_accepted(body);
    const auto errors = texts(body, "errors");
    for (const auto& error : errors) std::cerr << error << '\n';
    if (errors.empty()) report_failure("the daemon refused: " + answer->body);
    std::cerr << "jiro-client: reload refused; the daemon goes on with its old configuration\n";
    return ExitCode::failed;
}

}  // namespace jiro::daemon::cli
