// SPDX-License-Identifier: MIT
#include "commands/command_scope.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include "jiro/base/at_end.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/signature.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

namespace {

// The message as handlers and programs see it, where that is another one.
std::optional<CommandMessage> visible(const CommandMessage& message) {
    const auto is_hidden = [](const auto& parameter) { return is_of_signature(parameter.first); };
    if (std::ranges::none_of(message.parameters, is_hidden)) return std::nullopt;
    CommandMessage copy = message;
    copy.parameters = without_signature(message.parameters);
    return copy;
}

}  // namespace

// Shared with run_handler(), whose completion may be seen after the scope's end.
struct CommandScope::HandlerRun {
    bool has_ended = false;
    std::optional<CommandResult> outcome;  // none: the run was dropped
    std::optional<Event> ended;            // made when somebody waits
};

CommandScope::CommandScope(std::shared_ptr<PendingCommand> command, const Settings& settings, ResultSink& sink,
                           Clock& clock, asio::thread_pool& workers)
    : command_(std::move(command)),
      sink_(sink),
      registry_(command_->resolved_with),
      handler_(*command_->resolution->handler),
      limit_(handler_.description().time_limit.value_or(settings.timeout)),
      without_signature_(visible(command_->message)),
      context_({.message = without_signature_ ? *without_signature_ : command_->message,
                .name = command_->name,
                .argument_text = command_->resolution->arguments,
                .arguments_are = command_->resolution->arguments_are,
                .started_at = command_->started_at,
                .deadline = command_->started_at + limit_,
                .max_result_bytes = settings.max_result_bytes,
                .registry = registry_,
                .shown_output = &command_->output,
                .resumes = command_->resumes,
                .suspension = &command_->suspension,
                .handover = &command_->handover,
                .is_grace_over = &command_->is_grace_over},
               clock, workers) {}

// A handler that does not answer at once has a coroutine and a cancellation slot of its own: cancelling it does not
// cancel what follows its end. One that ends without waiting for anything is not raced with the time limit.
Task<CommandResult> CommandScope::run() {
    if (!command_->is_marked_running) {
        const auto journalled = co_await sink_.started(command_->message.command_sync_id);
        if (!journalled) {
            co_return CommandResult::failed("not run: the journal cannot note its start: " +
                                            journalled.error().message);
        }
    }
    if (command_->cancel_reason) co_return cancelled({});  // before the handler could hear of it
    if (auto answer = answered()) co_return std::move(*answer);

    const auto run = std::make_shared<HandlerRun>();
    const auto executor = co_await asio::this_coro::executor;
    const auto on_end = [run, command = command_](const std::exception_ptr&) {};
    asio::co_spawn(executor, run_handler(run), asio::bind_cancellation_slot(command_->stop.slot(), on_end));
    if (!run->has_ended) {
        run->ended.emplace(executor);
        const Duration to_deadline =
            context_.deadline() - context_.clock().now();  // over, perhaps, when it is taken back
        const Duration left = std::max(to_deadline, Duration::zero()) + handler_.description().own_clean_up;
        auto ending = until_ended(run);
        const bool in_time = co_await with_timeout(context_.clock(), left, std::move(ending));
        if (!in_time && !run->has_ended) {
            command_->stop.emit(asio::cancellation_type::terminal);
            co_await until_ended(run);
            co_return CommandResult::timed_out("timed out after " + milliseconds_text(limit_));
        }
    }
    if (run->outcome) co_return checked(std::move(*run->outcome));
    co_return command_->cancel_reason ? cancelled({}) : CommandResult::failed("the command was aborted");
}

// Most built-in commands.
std::optional<CommandResult> CommandScope::answered() {
    try {
        auto answer = handler_.answer(context_);
        if (answer) answer = checked(std::move(*answer));
        return answer;
    } catch (...) {
        return broken(std::current_exception());
    }
}

Task<> CommandScope::run_handler(std::shared_ptr<HandlerRun> run) {
    const AtEnd at_end([&] {
        run->has_ended = true;
        if (run->ended) run->ended->notify();
    });
    try {
        run->outcome = co_await handler_.run(context_);
    } catch (...) {
        run->outcome = broken(std::current_exception());
    }
}

// An exception becomes a result.
CommandResult CommandScope::broken(const std::exception_ptr& exception) const {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return command_->cancel_reason ? CommandResult::cancelled({}) : CommandResult::failed(error.what());
    } catch (...) {
        return CommandResult::failed("the command failed with an unknown exception");
    }
}

Task<> CommandScope::until_ended(std::shared_ptr<HandlerRun> run) {
    while (!run->has_ended) co_await run->ended->wait();
}

CommandResult CommandScope::checked(CommandResult&& outcome) const {
    if (outcome.outcome == Outcome::cancelled) outcome = cancelled(outcome.message());
    const auto limit = context_.max_result_bytes();
    const auto size = outcome.size_bytes();
    if (size <= limit) return std::move(outcome);
    if (outcome.is_success()) {
        return CommandResult::failed("the result is " + std::to_string(size) + " bytes long, over the limit of " +
                                     std::to_string(limit) + " bytes (Commands.MaxResultBytes)");
    }
    outcome.content = TextResult{std::string(utf8_head(outcome.message(), limit))};
    return std::move(outcome);
}

CommandResult CommandScope::cancelled(std::string_view details) const {
    std::string text(command_->cancel_reason ? to_string(*command_->cancel_reason) : "cancelled");
    if (!details.empty()) text.append("; ").append(details);
    return CommandResult::cancelled(std::move(text));
}

}  // namespace jiro::commands
