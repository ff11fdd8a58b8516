// SPDX-License-Identifier: MIT
#include "daemon/chat_commands.hpp"

#include "jiro/assistant/errors.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

namespace {

using assistant::Assistant;
using assistant::Exchange;
using commands::CommandContext;
using commands::CommandDescription;
using commands::CommandRegistry;

constexpr std::chrono::seconds kOwnCleanUp{2};  // what came of an answer is stored
constexpr std::size_t kShownSessions = 50;
constexpr std::size_t kShownMessages = 10;
constexpr std::size_t kShownMessageBytes = 500;

// Cancelled, it cancels the exchange and sees it to its end: what came is stored.
Task<> until_exchange_ended(std::shared_ptr<Exchange> exchange) {
    auto ending = exchange->until_ended();
    const bool has_ended = co_await unless_cancelled(std::move(ending));
    if (has_ended) co_return;
    exchange->cancel("cancelled");
    co_await exchange->until_ended();
}

CommandResult result_of_exchange(const assistant::ExchangeEnd& end) {
    if (!end.error) {
        auto result = CommandResult::text(end.words(), TextType::markdown);
        result.note = end.note();
        return result;
    }
    if (end.error->code == assistant::errc::timeout) return CommandResult::timed_out(end.words());
    if (end.error->code != assistant::errc::cancelled) return CommandResult::failed(end.words());
    // The dispatcher says why.
    if (end.answer.empty()) return CommandResult::cancelled("");
    if (end.not_stored)
        return CommandResult::cancelled("what came until then is not in the session: " + end.not_stored->message);
    return CommandResult::cancelled("what came until then is in the session, marked as cut off");
}

Task<CommandResult> run_chat(Assistant& assistant, CommandContext& context) {
    assistant::Ask ask;
    ask.session_id = context.session_id();
    ask.instance_id = context.instance_id();
    ask.command_sync_id = context.message().command_sync_id;
    ask.text = *context.argument("prompt");
    ask.deadline = context.deadline();
    const auto exchange = assistant.ask(std::move(ask));
    co_await until_exchange_ended(exchange);
    co_return result_of_exchange(exchange->end());
}

// Of the commands below: the session that is named, or the one that the command came in.
std::string session_of(const CommandContext& context) {
    const auto* const given = context.argument("sessionId");
    return given != nullptr ? *given : context.session_id();
}

Task<CommandResult> run_reset(Assistant& assistant, CommandContext& context) {
    const auto id = session_of(context);
    const auto reset = co_await assistant.sessions().reset(id);
    if (!reset) co_return CommandResult::failed(reset.error().message);
    if (!*reset) co_return CommandResult::text("there is nothing to forget in this session yet");
    co_return CommandResult::text("the model begins anew in this session; what was said stays readable");
}

std::string line_of(const SessionSummary& session) {
    return "- **" + escaped(session.name) + "**, " + std::to_string(session.messages) + " messages, last used " +
           utc_text(session.last_used_at) + ", `" + escaped(session.id) + "`\n";
}

Task<CommandResult> run_session(Assistant& assistant, CommandContext& context) {
    const auto id = session_of(context);
    const auto session = co_await assistant.sessions().find(id);
    if (!session) co_return CommandResult::failed(session.error().message);
    if (!*session) {
        co_return CommandResult::failed("there is no session " + excerpt(id) +
                                        " on this machine; \"sessions\" lists them");
    }
    MessagePage page;
    page.order = MessageOrder::newest_first;
    page.limit = kShownMessages;
    const auto messages = co_await assistant.sessions().messages(id, page);
    if (!messages) co_return CommandResult::failed(messages.error().message);
    std::string text = line_of(**session);
    for (auto message = messages->rbegin(); message != messages->rend(); ++message) {
        text += message->is_user ? "\n> " : "\n";
        text += excerpt(message->content, kShownMessageBytes) + '\n';
    }
    co_return CommandResult::text(std::move(text), TextType::markdown);
}

Task<CommandResult> run_sessions(Assistant& assistant, CommandContext&) {
    const auto list = co_await assistant.sessions().list(kShownSessions);
    if (!list) co_return CommandResult::failed(list.error().message);
    if (list->sessions.empty()) co_return CommandResult::text("there is no conversation on this machine yet");
    std::string text;
    for (const auto& session : list->sessions) text += line_of(session);
    if (list->total > list->sessions.size()) {
        text += "- and " + std::to_string(list->total - list->sessions.size()) + " more\n";
    }
    co_return CommandResult::text(std::move(text), TextType::markdown);
}

Task<CommandResult> run_absent(CommandContext& context) {
    co_return CommandResult::failed(context.name() +
                                    " needs the running daemon, which has the conversations; in a terminal there "
                                    "are `jiro-client chat` and `jiro-client sessions`");
}

struct ChatCommand {
    CommandDescription description;
    Task<CommandResult> (*run)(Assistant&, CommandContext&);
};

std::vector<ChatCommand> chat_commands(const assistant::Settings& settings) {
    const commands::ParameterDescription which{.name = "sessionId", .description = "another session than this one"};
    const auto session = [&](const std::string& name) {
        return CommandDescription{
            .name = name,
            .summary = "Shows a conversation of this machine: what it is, and its latest messages",
            .usage = name + " [sessionId]",
            .parameters = {which},
            .idempotent = true};
    };
    return {{{.name = "chat",
              .summary = "Asks the model, in the conversation of this session",
              .usage = "chat <prompt>",
              .parameters = {{.name = "prompt", .description = "the question, as it is", .required = true}},
              .takes_text = true,
              .one_in_session = true,
              .time_limit = settings.timeout,
              .own_clean_up = kOwnCleanUp},
             run_chat},
            {{.name = "reset",
              .summary = "Begins this session's conversation anew; what was said stays readable",
              .usage = "reset [sessionId]",
              .parameters = {which},
              .idempotent = true},
             run_reset},
            {session("session"), run_session},
            {session("sessionInfo"), run_session},
            {{.name = "sessions",
              .summary = "Lists the conversations of this machine, the last used one first",
              .usage = "sessions",
              .idempotent = true},
             run_sessions}};
}

}  // namespace

CommandRegistry::Handlers make_absent_chat_commands(const assistant::Settings& settings) {
    CommandRegistry::Handlers handlers;
    for (auto& [description, run] : chat_commands(settings))
        handlers.push_back(commands::make_handler(std::move(description), run_absent));
    return handlers;
}

CommandRegistry::Handlers make_chat_commands(Assistant& assistant) {
    CommandRegistry::Handlers handlers;
    for (auto& [description, run] : chat_commands(assistant.settings())) {
        handlers.push_back(commands::make_handler(
            std::move(description),
            [&assistant, run = run](CommandContext& context) { return run(assistant, context); }));
    }
    return handlers;
}

}  // namespace jiro::daemon
