// SPDX-License-Identifier: MIT
#include "commands/command_scope.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "commands/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

namespace {

Duration limit_of(const CommandHandler& handler, const Settings& settings) {
    return handler.description().time_limit.value_or(settings.timeout);
}

std::string milliseconds_text(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

CommandScope::CommandScope(std::shared_ptr<Dispatcher::State> dispatcher, PendingPtr command)
    : dispatcher_(std::move(dispatcher)),
      command_(std::move(command)),
      registry_(command_->resolved_with),
      handler_(command_->resolution->handler),
      limit_(limit_of(*handler_, dispatcher_->settings)),
      context_({.message = command_->message,
                .session_id = command_->message.session_id,
                .name = command_->name,
                .arguments = std::move(command_->resolution->arguments),
                .argument_text = std::move(command_->resolution->argument_text),
                .deadline = dispatcher_->clock.now() + limit_,
                .max_result_bytes = dispatcher_->settings.max_result_bytes,
                .registry = registry_},
               dispatcher_->clock, dispatcher_->workers) {}

CommandScope::~CommandScope() {
    if (dispatcher_->abandoned) return;
    if (command_->phase == PendingCommand::Phase::running) {
        dispatcher_->forget(command_, {Outcome::failed, "the command's run was dropped"});
    }
    if (holds_slot_) dispatcher_->slot_freed(command_->name);
}

Task<> CommandScope::run() {
    CommandResult outcome = co_await result();
    command_->message.session_id = context_.session_id();
    free_slot_soon();
    co_await dispatcher_->settle(command_, std::move(outcome));
}

Task<CommandResult> CommandScope::result() {
    if (!command_->is_marked_running) {
        const auto journalled = co_await dispatcher_->sink.started(command_->message.command_sync_id);
        if (!journalled) {
            co_return CommandResult::failed("not run: the journal cannot note its start: " +
                                            journalled.error().message);
        }
    }
    if (command_->cancel_reason) co_return cancelled({});  // before the handler could hear of it
    auto outcome = co_await run_handler();
    co_return checked(std::move(outcome));
}

// In a coroutine of its own: cancelling the handler does not cancel the settling of its result. Most built-in commands
// end without waiting for anything: the race with the time limit is only run for the others.
Task<CommandResult> CommandScope::run_handler() {
    const auto run = std::make_shared<HandlerRun>();
    const auto on_end = [run, command = command_](const std::exception_ptr&) {};
    asio::co_spawn(dispatcher_->executor, note_outcome(run),
                   asio::bind_cancellation_slot(command_->stop.slot(), on_end));
    if (!run->has_ended) {
        run->ended.emplace(dispatcher_->executor, asio::steady_timer::time_point::max());
        const Duration own_clean_up = handler_->description().own_clean_up;
        const Duration left = context_.deadline() - dispatcher_->clock.now();
        auto ending = until_ended(run);
        const bool in_time = co_await with_timeout(dispatcher_->clock, left + own_clean_up, std::move(ending));
        if (!in_time && !run->has_ended) {
            command_->stop.emit(asio::cancellation_type::terminal);
            co_await until_ended(run);
            co_return CommandResult::timed_out("timed out after " + milliseconds_text(limit_));
        }
    }
    if (run->outcome) co_return std::move(*run->outcome);
    co_return command_->cancel_reason ? cancelled({}) : CommandResult::failed("the command was aborted");
}

Task<> CommandScope::note_outcome(std::shared_ptr<HandlerRun> run) {
    struct AtEnd {  // however it ends
        HandlerRun& run;
        ~AtEnd() {
            run.has_ended = true;
            if (run.ended) run.ended->cancel();
        }
    };
    const AtEnd at_end{*run};
    run->outcome = co_await guarded_handler();
}

Task<> CommandScope::until_ended(std::shared_ptr<HandlerRun> run) {
    while (!run->has_ended) {
        const auto [error] = co_await run->ended->async_wait(kNoThrow);
        static_cast<void>(error);  // woken, or cancelled: then the next await throws
    }
}

// The handler has ended: the next command need not wait until this one's outcome is stored. Posted, so that the outcome
// is on its way to the journal first.
void CommandScope::free_slot_soon() {
    holds_slot_ = false;
    asio::post(dispatcher_->executor, [dispatcher = dispatcher_, name = command_->name] {
        if (!dispatcher->abandoned) dispatcher->slot_freed(name);
    });
}

// An exception becomes a result here.
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
