// SPDX-License-Identifier: MIT
// `jiro-client sessions`: asks the running daemon, or the file itself when there is none.
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "daemon/chat_routes.hpp"
#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/control_socket.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

std::nullopt_t say(const std::string& text) {
    std::cerr << "jiro-client: " << text << '\n';
    return std::nullopt;
}

// The file of a daemon that does not run, and the routes that it would serve, called in place.
struct StoppedSessions {
    explicit StoppedSessions(const std::filesystem::path& file, const assistant::Settings& settings)
        : sessions(clock, file, settings), routes(session_routes([this] { return &sessions; })) {}

    boost::asio::io_context context{1};
    SystemClock clock;
    assistant::Sessions sessions;
    monitor::Routes routes;
};

class SessionsClient {
  public:
    explicit SessionsClient(const std::string& config_file)
        : config_file_(config_file), sockets_(control_candidates(config_file, process_environment())) {}

    // The answer's JSON; nothing after the reason was printed.
    std::optional<json> ask(Method method, const std::string& target) {
        Result<monitor::Answer> answer = Error(monitor::errc::not_running);
        if (!stopped_) answer = ask_daemon(sockets_, method, target);
        if (!answer && answer.error().code == monitor::errc::not_running) {
            if (!open()) return std::nullopt;
            answer = ask_in_place(stopped_->context, stopped_->routes, method, target);
        }
        return json_or_report(answer);
    }

    // Opens the file itself: nothing after the reason was printed.
    StoppedSessions* open() {
        if (stopped_) return stopped_.get();
        const auto environment = process_environment();
        const auto config = load_config(config_file_, environment);
        const auto file =
            config::find_sessions_path(config, config::find_outbox_of_unit(config, environment), environment);
        if (const auto became = become_owner_of(file.parent_path()); !became) {
            say(became.error().message);
            return nullptr;
        }
        std::error_code error;
        if (!std::filesystem::is_directory(file.parent_path(), error)) {
            say("there is no folder " + file.parent_path().string() + " for the conversations");
            return nullptr;
        }
        stopped_ = std::make_unique<StoppedSessions>(file, config.chat);
        return stopped_.get();
    }

  private:
    const std::string& config_file_;
    std::vector<monitor::Listen> sockets_;
    std::unique_ptr<StoppedSessions> stopped_;
};

json list_in(const json& body, const char* member) {
    const auto found = body.find(member);
    return found != body.end() && found->is_array() ? *found : json::array();
}

std::string target_for(const char* route, const SessionsOptions& options) {
    std::string target = std::string("/sessions/") + route + "?id=" + percent_encode(options.id);
    if (!options.name.empty()) target += "&name=" + percent_encode(options.name);
    return target;
}

int list_all(SessionsClient& client, const SessionsOptions& options) {
    const auto body = client.ask(Method::get, "/sessions");
    if (!body) return ExitCode::failed;
    if (options.json) {
        std::cout << body->dump(2) << '\n';
        return ExitCode::good;
    }
    std::cout << std::left << std::setw(38) << "ID" << std::setw(21) << "LAST USED" << std::right << std::setw(8)
              << "MESSAGES"
              << "  NAME\n";
    for (const auto& session : list_in(*body, "sessions")) {
        std::cout << std::left << std::setw(38) << escaped(text_member(session, "id")) << std::setw(21)
                  << time_member(session, "lastUsedAt") << std::right << std::setw(8)
                  << session.value("messages", std::uint64_t{0}) << "  " << escaped(text_member(session, "name"))
                  << '\n';
    }
    return ExitCode::good;
}

// All messages, page by page; nothing after the reason was printed.
std::optional<json> read_session(SessionsClient& client, const std::string& id) {
    std::optional<json> whole;
    for (std::int64_t after = 0;;) {
        const auto page =
            client.ask(Method::get, "/sessions/show?id=" + percent_encode(id) + "&after=" + std::to_string(after));
        if (!page) return std::nullopt;
        const auto messages = list_in(*page, "messages");
        if (!whole) {
            whole = *page;
        } else {
            for (const auto& message : messages) (*whole)["messages"].push_back(message);
        }
        if (messages.empty()) return whole;
        after = messages.back().value("sequence", std::int64_t{0});
        if (after == 0) return whole;
    }
}

int show_one(SessionsClient& client, const SessionsOptions& options) {
    const auto whole = read_session(client, options.id);
    if (!whole) return ExitCode::failed;
    if (options.json) {
        std::cout << whole->dump(2) << '\n';
        return ExitCode::good;
    }
    for (const auto& message : list_in(*whole, "messages")) {
        const bool is_user = message.value("isUser", false);
        std::cout << (is_user ? "> " : "") << escaped_lines(text_member(message, "content")) << "\n\n";
    }
    return ExitCode::good;
}

int import_file(SessionsClient& client, const SessionsOptions& options) {
    std::error_code error;
    const auto file = std::filesystem::absolute(options.file, error);
    auto* const stopped = client.open();
    if (stopped == nullptr) return ExitCode::failed;
    const auto imported = run_blocking(stopped->context, stopped->sessions.import_from(file));
    if (!imported) {
        say(imported.error().message + "; is the daemon stopped, and may its user read the file?");
        return ExitCode::failed;
    }
    std::cout << imported->sessions << " sessions and " << imported->messages << " messages were taken over\n";
    return ExitCode::good;
}

int export_all(SessionsClient& client) {
    const auto body = client.ask(Method::get, "/sessions");
    if (!body) return ExitCode::failed;
    for (const auto& session : list_in(*body, "sessions")) {
        const auto whole = read_session(client, text_member(session, "id"));
        if (!whole) return ExitCode::failed;
        std::cout << whole->dump() << '\n';
    }
    return ExitCode::good;
}

}  // namespace

int sessions(const std::string& config_file, SessionsVerb verb, const SessionsOptions& options) {
    SessionsClient client(config_file);
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
            return import_file(client, options);
        case SessionsVerb::export_all:
            return export_all(client);
    }
    return ExitCode::usage;
}

}  // namespace jiro::daemon::cli
