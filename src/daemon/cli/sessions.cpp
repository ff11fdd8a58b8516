// SPDX-License-Identifier: MIT
// `jiro-client sessions`: asks the running daemon, or the file itself when there is none.
#include <algorithm>
#include <array>
#include <boost/system/errc.hpp>
#include <filesystem>
#include <functional>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "daemon/chat_routes.hpp"
#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "jiro/config/locations.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

// The file of a daemon that does not run, and the routes that it would serve, called in place.
struct StoppedSessions final : RoutesHere {
    StoppedSessions(const std::filesystem::path& file, const assistant::Settings& settings)
        : sessions(clock, file, settings) {
        routes = session_routes([this] { return &sessions; });
    }

    SystemClock clock;
    assistant::Sessions sessions;
};

enum class NoFile { is_made, is_error };

Result<std::unique_ptr<StoppedSessions>> open_stopped_sessions(const std::string& config_file, NoFile no_file) {
    const auto environment = process_environment();
    const auto config = load_config(config_file, environment);
    const auto file = config::find_sessions_path(config, config::find_outbox_of_unit(config, environment), environment);
    if (const auto became = become_owner_of(file.parent_path()); !became) return became.error();
    std::error_code error;
    if (!std::filesystem::is_directory(file.parent_path(), error)) {
        return Error(make_error_code(boost::system::errc::no_such_file_or_directory),
                     "there is no folder " + file.parent_path().string() + " for the conversations");
    }
    if (no_file == NoFile::is_error && !std::filesystem::exists(file, error)) {
        return Error(make_error_code(boost::system::errc::no_such_file_or_directory),
                     "the daemon does not run, and there are no conversations at " + file.string() +
                         (error ? ": " + error.message() : std::string()));
    }
    return std::make_unique<StoppedSessions>(file, config.chat);
}

Result<std::unique_ptr<RoutesHere>> open_session_routes(const std::string& config_file) {
    auto opened = open_stopped_sessions(config_file, NoFile::is_error);
    if (!opened) return opened.error();
    return std::move(*opened);
}

void print_session_line(const std::array<std::string, 4>& cells) {
    std::cout << std::left << std::setw(38) << cells[0] << std::setw(21) << cells[1] << std::right << std::setw(8)
              << cells[2] << "  " << cells[3] << '\n';
}

std::string target_for(const char* route, const SessionsOptions& options) {
    std::string target = std::string("/sessions/") + route + "?id=" + percent_encode(options.id);
    if (!options.name.empty()) target += "&name=" + percent_encode(options.name);
    return target;
}

// All sessions, page by page, in the order in which they began; nothing after the reason was printed.
std::optional<std::vector<json>> read_list(DaemonOrRoutes& client) {
    std::vector<json> all;
    for (std::int64_t after = 0;;) {
        const auto page = client.ask(Method::get, "/sessions?after=" + std::to_string(after));
        if (!page) return std::nullopt;
        std::ranges::move(list_member(*page, "sessions"), std::back_inserter(all));
        const auto next = member_as<std::int64_t>(*page, "next").value_or(0);
        if (next <= after) return all;
        after = next;
    }
}

int list_all(DaemonOrRoutes& client, const SessionsOptions& options) {
    auto all = read_list(client);
    if (!all) return ExitCode::failed;
    std::ranges::stable_sort(*all, std::greater(),
                             [](const json& session) { return member_as<double>(session, "lastUsedAt").value_or(0); });
    if (options.json) return print_json({{"total", all->size()}, {"sessions", std::move(*all)}});
    print_session_line({"ID", "LAST USED", "MESSAGES", "NAME"});
    for (const auto& session : *all) {
        print_session_line({escaped(text_member(session, "id")), time_member(session, "lastUsedAt"),
                            std::to_string(member_as<std::uint64_t>(session, "messages").value_or(0)),
                            escaped(text_member(session, "name"))});
    }
    return ExitCode::good;
}

// All messages, page by page; nothing after the reason was printed.
std::optional<json> read_session(DaemonOrRoutes& client, const std::string& id) {
    std::optional<json> whole;
    for (std::int64_t after = 0;;) {
        const auto page =
            client.ask(Method::get, "/sessions/show?id=" + percent_encode(id) + "&after=" + std::to_string(after));
        if (!page) return std::nullopt;
        const auto messages = list_member(*page, "messages");
        if (!whole) {
            whole = *page;
        } else {
            for (const auto& message : messages) (*whole)["messages"].push_back(message);
        }
        if (messages.empty()) return whole;
        const auto last = member_as<std::int64_t>(messages.back(), "sequence").value_or(0);
        if (last <= after) return whole;
        after = last;
    }
}

int show_one(DaemonOrRoutes& client, const SessionsOptions& options) {
    const auto whole = read_session(client, options.id);
    if (!whole) return ExitCode::failed;
    if (options.json) return print_json(*whole);
    for (const auto& message : list_member(*whole, "messages")) {
        const bool is_user = message.value("isUser", false);
        std::cout << (is_user ? "> " : "") << escaped_lines(text_member(message, "content")) << "\n\n";
    }
    return ExitCode::good;
}

int import_file(const std::string& config_file, const SessionsOptions& options) {
    std::error_code error;
    const auto file = std::filesystem::absolute(options.file, error);
    const auto stopped = open_stopped_sessions(config_file, NoFile::is_made);
    if (!stopped) return report_failure(stopped.error().message);
    const auto imported = run_blocking((*stopped)->context, (*stopped)->sessions.import_from(file));
    if (!imported) {
        return report_failure(imported.error().message + "; is the daemon stopped, and may its user read the file?");
    }
    std::cout << imported->sessions << " sessions and " << imported->messages << " messages were taken over\n";
    return ExitCode::good;
}

int export_all(DaemonOrRoutes& client) {
    const auto all = read_list(client);
    if (!all) return ExitCode::failed;
    for (const auto& session : *all) {
        const auto whole = read_session(client, text_member(session, "id"));
        if (!whole) return ExitCode::failed;
        std::cout << json_text(*whole) << '\n';
    }
    return ExitCode::good;
}

}  // namespace

int sessions(const std::string& config_file, SessionsVerb verb, const SessionsOptions& options) {
    DaemonOrRoutes client(config_file, open_session_routes);
    const auto change = [&](const char* route) {
        return client.ask(Method::post, target_for(route, options)) ? ExitCode::good : ExitCode::failed;
    };
    switch (verb) {
        case SessionsVerb::list:
            return list_all(client, options);
        case SessionsVerb::show:
            return show_one(client, options);
        case SessionsVerb::rename:
            return change("rename");
        case SessionsVerb::reset:
            return change("reset");
        case SessionsVerb::remove:
            return change("remove");
        case SessionsVerb::import_file:
            return import_file(config_file, options);
        case SessionsVerb::export_all:
            return export_all(client);
    }
    return ExitCode::usage;
}

}  // namespace jiro::daemon::cli
