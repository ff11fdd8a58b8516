// SPDX-License-Identifier: MIT
// `jiro-client chat`: through the running daemon, which has the sessions, or without one in this process. Ctrl-C while
// an answer comes cancels that; at the prompt it ends the program.
#include <signal.h>
#include <unistd.h>

#include <boost/asio/thread_pool.hpp>
#include <iostream>
#include <optional>

#include "daemon/chat.hpp"
#include "daemon/chat_tools.hpp"
#include "daemon/cli/interruptible.hpp"
#include "daemon/cli/service_user.hpp"
#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "daemon/cli/terminal_screen.hpp"
#include "daemon/control_socket.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/monitor/errors.hpp"

namespace jiro::daemon::cli {

namespace {

using nlohmann::json;

void print_piece(std::string_view text) { std::cout << escaped_lines(text) << std::flush; }

// How it ended; true: with a whole answer, which is in the session. No text: there is no such failure.
bool print_end(const std::string& error, const std::string& not_stored, const std::string& note) {
    std::cout << std::endl;
    if (!error.empty()) std::cerr << "jiro-client: " << escaped_lines(error) << '\n';
    if (!not_stored.empty())
        std::cerr << "jiro-client: this is not in the session: " << escaped_lines(not_stored) << '\n';
    if (isatty(STDERR_FILENO) != 0) std::cerr << '[' << escaped(note) << "]\n";
    return error.empty() && not_stored.empty();
}

// One side of the conversation that the user has.
class Partner {
  public:
    virtual ~Partner() = default;
    // Prints the answer as it comes; false: there is none, or not all of it, or it is not stored, and the reason was
    // printed.
    virtual bool answer(const std::string& text) = 0;
};

class DaemonPartner final : public Partner {
  public:
    DaemonPartner(std::vector<monitor::Listen> sockets, std::string session_id)
        : sockets_(std::move(sockets)), session_id_(std::move(session_id)) {}

    // Whether there is a daemon to talk with.
    bool is_there() { return ask_daemon(sockets_, Method::get, "/sessions?limit=1").has_value(); }

    bool answer(const std::string& text) override {
        const HeldSignals signals;
        const json question{{"sessionId", session_id_}, {"text", text}};
        const auto begun = ask(Method::post, "/chat", json_text(question));
        if (!begun) return false;
        const auto id = text_member(*begun, "id");
        session_id_ = text_member(*begun, "sessionId");
        for (std::uint64_t from = 0;;) {
            const auto more = ask(Method::get, "/chat/more?id=" + id + "&from=" + std::to_string(from));
            if (!more) return false;
            print_piece(text_member(*more, "text"));
            from = more->value("next", from);
            if (more->value("ended", true)) {
                return print_end(text_member(*more, "error"), text_member(*more, "notStored"),
                                 text_member(*more, "note"));
            }
            const auto signal = signals.wait(std::chrono::milliseconds(0));
            if (signal && *signal != SIGWINCH) static_cast<void>(ask(Method::post, "/chat/cancel?id=" + id));
        }
    }

  private:
    std::optional<json> ask(Method method, const std::string& target, const std::string& body = {}) {
        return json_or_report(ask_daemon(sockets_, method, target, body));
    }

    std::vector<monitor::Listen> sockets_;
    std::string session_id_;
};

class OwnPartner final : public Partner {
  public:
    OwnPartner(const config::Config& config, const std::filesystem::path& file, std::string session_id)
        : settings_(config.commands),
          registry_(make_registry_here(config)),
          chat_(context_.get_executor(), clock_, random_, tools(), process_environment(), config, file),
          session_id_(session_id.empty() ? random_.uuid() : std::move(session_id)) {
        settings_.prefix.clear();  // only what is named
        settings_.default_command.reset();
    }

    bool answer(const std::string& text) override {
        assistant::Ask question;
        question.session_id = session_id_;
        question.text = text;
        const auto exchange = chat_.assistant().ask(std::move(question));
        Interruptible interruptible(context_);  // at the prompt a signal ends the program
        const bool has_ended = interruptible.run(print(exchange));
        const auto& end = exchange->end();
        const auto message_of = [](const std::optional<Error>& error) {
            return error ? error->message : std::string();
        };
        return print_end(message_of(end.error), message_of(end.not_stored), end.note()) && has_ended;
    }

  private:
    ToolCommands tools() {
        return {[this] { return registry_; }, [this](CommandMessage message) { return run(std::move(message)); }};
    }

    Task<CommandResult> run(CommandMessage message) {
        auto running = jiro::commands::run_locally(std::move(message), settings_, registry_, clock_, random_, workers_);
        auto finished = co_await std::move(running);
        co_return std::move(finished.result);
    }

    static Task<> print_as_it_comes(std::shared_ptr<assistant::Exchange> exchange) {
        for (std::size_t printed = 0;;) {
            print_piece(std::string_view(exchange->text()).substr(printed));
            printed = exchange->text().size();
            if (exchange->has_ended()) co_return;
            co_await exchange->until_more();
        }
    }

    static Task<bool> print(std::shared_ptr<assistant::Exchange> exchange) {
        auto printing = print_as_it_comes(exchange);
        const bool has_ended = co_await unless_cancelled(std::move(printing));
        if (has_ended) co_return true;
        exchange->cancel("cancelled at the terminal");
        co_await exchange->until_ended();
        co_return false;
    }

    boost::asio::io_context context_{1};
    SystemClock clock_;
    SystemRandom random_;
    boost::asio::thread_pool workers_{1};
    jiro::commands::Settings settings_;  // of its tools
    const std::shared_ptr<const jiro::commands::CommandRegistry> registry_;
    Chat chat_;
    std::string session_id_;
};

int converse(Partner& partner, const ChatOptions& options) {
    if (!options.text.empty()) return partner.answer(options.text) ? ExitCode::good : ExitCode::failed;
    const bool is_terminal = isatty(STDIN_FILENO) != 0;
    bool is_good = true;
    for (std::string line;;) {
        if (is_terminal) std::cout << "> " << std::flush;
        if (!std::getline(std::cin, line)) break;
        if (!trimmed(line).empty()) is_good = partner.answer(line);
    }
    if (is_terminal) std::cout << std::endl;
    return is_good ? ExitCode::good : ExitCode::failed;
}

}  // namespace

int chat(const std::string& config_file, const ChatOptions& options) {
    const auto environment = process_environment();
    DaemonPartner daemon(control_candidates(config_file, environment), options.session_id.value_or(""));
    if (daemon.is_there()) return converse(daemon, options);

    const auto config = load_config(config_file, environment);
    if (!config.chat.is_configured()) {
        return report_failure("no assistant is configured: name a model by Chat.Model in " + config_file +
                              ", see docs/chat.md");
    }
    const auto file = config::find_sessions_path(config, config::find_outbox_of_unit(config, environment), environment);
    if (const auto became = become_owner_of(file.parent_path()); !became) return report_failure(became.error().message);
    OwnPartner own(config, file, options.session_id.value_or(""));
    return converse(own, options);
}

}  // namespace jiro::daemon::cli
