#include "commands/command_scope.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "commands/text.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

namespace {

Duration limit_of(const CommandHandler& handler, const Settings& settings) {
    return handler.description().time_limit.value_or(settings.timeout);
}

std::string milliseconds(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

CommandScope::CommandScope(std::shared_ptr<Dispatcher::State> dispatcher, PendingPtr command, Resolution resolution,
                           std::shared_ptr<const CommandRegistry> registry)
    : dispatcher_(std::move(dispatcher)),
      command_(std::move(command)),
      registry_(std::move(registry)),
      handler_(resolution.handler),
      limit_(limit_of(*handler_, dispatcher_->settings)),
      context_({.message = command_->message,
                .name = command_->name,
                .arguments = std::move(resolution.arguments),
                .argument_text = std::move(resolution.argument_text),
                .deadline = dispatcher_->clock.now() + limit_,
                .max_result_bytes = dispatcher_->settings.max_result_bytes,
                .registry = registry_},
               dispatcher_->clock, dispatcher_->workers) {}

CommandScope::~CommandScope() {
    if (dispatcher_->abandoned) return;
    if (command_->phase == PendingCommand::Phase::running) {
        dispatcher_->forget(command_, {Outcome::failed, "the command's run was dropped"});
    }
    dispatcher_->slot_freed(command_->name);
}

Task<> CommandScope::run() {
    CommandResult outcome = co_await result();
    command_->message.session_id = context_.session_id();
    co_await dispatcher_->settle(command_, std::move(outcome));
}

Task<CommandResult> CommandScope::result() {
    const auto journalled = co_await dispatcher_->sink.started(command_->message.command_sync_id);
    if (!journalled) {
        co_return CommandResult::failed("not run: the journal cannot note its start: " + journalled.error().message);
    }
    if (command_->cancel_reason) co_return cancelled({});  // while the journal was writing
    // In a coroutine of its own: cancelling the handler does not cancel the settling of its result.
    CommandResult outcome;
    std::exception_ptr failure;
    std::tie(failure, outcome) = co_await asio::co_spawn(dispatcher_->executor, run_handler(),
                                                         asio::bind_cancellation_slot(command_->stop.slot(), kNoThrow));
    if (failure) co_return command_->cancel_reason ? cancelled({}) : CommandResult::failed("the command was aborted");
    co_return checked(std::move(outcome));
}

Task<CommandResult> CommandScope::run_handler() {
    const Duration own_clean_up = handler_->description().own_clean_up;
    const Duration left = context_.deadline() - dispatcher_->clock.now();
    auto outcome = co_await with_timeout(dispatcher_->clock, left + own_clean_up, guarded_handler());
    if (outcome) co_return std::move(*outcome);
    co_return CommandResult::timed_out("timed out after " + milliseconds(limit_));
}

// An exception becomes a result here, inside of the race with the time limit, which waits for the first side that
// succeeds.
Task<CommandResult> CommandScope::guarded_handler() {
    try {
        co_return co_await handler_->run(context_);
    } catch (const std::exception& error) {
        if (command_->cancel_reason) co_return CommandResult::cancelled({});
        co_return CommandResult::failed(error.what());
    } catch (...) {
        co_return CommandResult::failed("the command failed with an unknown exception");
    }
}

CommandResult CommandScope::checked(CommandResult outcome) const {
    if (outcome.outcome == Outcome::cancelled) outcome = cancelled(outcome.message());
    const auto limit = context_.max_result_bytes();
    const auto size = outcome.size_bytes();
    if (size <= limit) return outcome;
    if (outcome.is_success()) {
        return CommandResult::failed("the result is " + std::to_string(size) + " bytes long, over the limit of " +
                                     std::to_string(limit) + " bytes (Commands.MaxResultBytes)");
    }
    outcome.content = TextResult{std::string(utf8_head(outcome.message(), limit))};
    return outcome;
}

CommandResult CommandScope::cancelled(std::string_view details) const {
    std::string text(command_->cancel_reason ? to_string(*command_->cancel_reason) : "cancelled");
    if (!details.empty()) text.append("; ").append(details);
    return CommandResult::cancelled(std::move(text));
}

}  // namespace jiro::commands
