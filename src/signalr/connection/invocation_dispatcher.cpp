// SPDX-License-Identifier: MIT
#include "signalr/connection/invocation_dispatcher.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>

#include "jiro/base/at_end.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/race.hpp"
#include "jiro/signalr/errors.hpp"
#include "signalr/log.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxWarnedTargets = 100;

constexpr const char* kNoResult = "Client didn't provide a result.";
constexpr const char* kNotParsed = "Client failed to parse argument(s).";

// The handler's value, or its failure as one; never throws but for a cancellation from outside. Takes the invocation.
Task<Result<json>> call(std::shared_ptr<ResultHandler> handler, Invocation& invocation) {
    const std::string target = invocation.target;
    try {
        co_return co_await (*handler)(std::move(invocation));
    } catch (const ArgumentMismatch& mismatch) {
        signalr_log.warn("The arguments of an invocation do not fit its handler",
                         {{"target", target}, {"reason", mismatch.what()}});
        co_return Error(errc::arguments_mismatch, kNotParsed);
    } catch (const boost::system::system_error& error) {
        co_return Error(errc::call_failed, is_cancellation(error) ? "The invocation was cancelled." : error.what());
    } catch (const std::exception& error) {
        co_return Error(errc::call_failed, error.what());
    } catch (...) {
        co_return Error(errc::call_failed, "The handler failed.");
    }
}

Task<> call(std::shared_ptr<Handler> handler, Invocation invocation) {
    const std::string target = invocation.target;
    try {
        co_await (*handler)(std::move(invocation));
    } catch (const ArgumentMismatch& mismatch) {
        signalr_log.warn("The arguments of an invocation do not fit its handler",
                         {{"target", target}, {"reason", mismatch.what()}});
    } catch (const boost::asio::multiple_exceptions&) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);  // `||` within it was cancelled
    } catch (const boost::system::system_error& error) {
        if (is_cancellation(error)) throw;
        signalr_log.error("A handler failed", {{"target", target}, {"reason", error.what()}});
    } catch (const std::exception& error) {
        signalr_log.error("A handler failed", {{"target", target}, {"reason", error.what()}});
    } catch (...) {
        signalr_log.error("A handler failed", {{"target", target}});
    }
}

}  // namespace

struct InvocationDispatcher::RunningCall {
    RunningCall(const Executor& executor, Invocation arrived) : invocation(std::move(arrived)), cancelled(executor) {}

    Invocation invocation;  // until its handler has it
    std::string id;
    std::weak_ptr<CompletionSink> sink;
    const CompletionSink* session = nullptr;  // identity only
    Event cancelled;
    bool cancel_requested = false;
    bool answered = false;
};

namespace {

constexpr const char* kCancelled = "The invocation was cancelled.";

}  // namespace

InvocationDispatcher::InvocationDispatcher(Executor executor, std::function<void()> on_room)
    : executor_(executor),
      on_room_(std::move(on_room)),
      ordered_changed_(executor),
      group_([](const std::exception_ptr&) { signalr_log.error("A handler's coroutine failed"); }) {}

std::uint64_t InvocationDispatcher::add(const std::string& target, Handler handler) {
    const auto id = next_id_++;
    targets_[target].handlers.emplace(id, std::make_shared<Handler>(std::move(handler)));
    return id;
}

std::uint64_t InvocationDispatcher::add_result(const std::string& target, ResultHandler handler, OverLimit over_limit,
                                               std::function<ArgumentsReader()> make_reader) {
    Target& entry = targets_[target];
    if (entry.result) throw std::logic_error("'" + target + "' already has a handler that returns a result");
    entry.result = std::make_shared<ResultHandler>(std::move(handler));
    entry.result_id = next_id_++;
    entry.over_limit = over_limit;
    entry.make_reader = std::move(make_reader);
    return entry.result_id;
}

void InvocationDispatcher::remove(const std::string& target, std::uint64_t id) {
    const auto found = targets_.find(target);
    if (found == targets_.end()) return;
    found->second.handlers.erase(id);
    if (found->second.result_id == id) found->second.result.reset();
    if (found->second.handlers.empty() && !found->second.result) targets_.erase(found);
}

ArgumentsReader InvocationDispatcher::reader_of(const std::string& target) const {
    const auto found = targets_.find(target);
    if (found == targets_.end() || !found->second.result || !found->second.make_reader) return nullptr;
    return found->second.make_reader();
}

void InvocationDispatcher::dispatch(Invocation invocation, std::weak_ptr<CompletionSink> sink) {
    const auto found = targets_.find(invocation.target);
    if (found == targets_.end()) {
        warn_unknown(invocation.target, sink);
        refuse(invocation, sink, kNoResult);
        return;
    }
    if (invocation.over_limit && found->second.over_limit == OverLimit::refuse) {
        signalr_log.warn("The arguments of an invocation are not read",
                         {{"target", invocation.target}, {"reason", invocation.over_limit->message}});
        refuse(invocation, sink, kNotParsed);
        return;
    }
    const auto result = found->second.result;
    if (!found->second.handlers.empty()) {
        if (!result) refuse(invocation, sink, kNoResult);
        ordered_.push_back(result ? invocation : std::move(invocation));
        ++pending_;
        ordered_changed_.notify();
    }
    if (result) {
        const auto running = std::make_shared<RunningCall>(executor_, std::move(invocation));
        running->id = running->invocation.invocation_id.value_or("");
        running->session = sink.lock().get();
        running->sink = std::move(sink);
        running->answered = !running->invocation.invocation_id;
        ++pending_;
        running_.push_back(running);
        group_.spawn(executor_, run_result(shared_from_this(), result, running));
    }
}

std::shared_ptr<const void> InvocationDispatcher::hold(std::size_t bytes) {
    held_bytes_ += bytes;
    const auto let_go = [self = shared_from_this(), bytes](const InvocationDispatcher*) {
        self->held_bytes_ -= bytes;
        if (self->on_room_) self->on_room_();
    };
    return std::shared_ptr<const InvocationDispatcher>(this, let_go);
}

void InvocationDispatcher::refuse(const Invocation& invocation, const std::weak_ptr<CompletionSink>& sink,
                                  const char* error) {
    if (!invocation.invocation_id) return;
    if (const auto session = sink.lock()) {
        CompletionMessage completion{*invocation.invocation_id, std::nullopt, error};
        session->complete_now(std::move(completion));
    }
}

void InvocationDispatcher::warn_unknown(const std::string& target, const std::weak_ptr<CompletionSink>& sink) {
    const auto session = sink.lock();
    const auto shown = shortened(session ? session->shown(target) : target, 200);
    if (warned_targets_.size() >= kMaxWarnedTargets || !warned_targets_.insert(shown).second) return;
    signalr_log.warn("The hub invoked a method that has no handler here", {{"target", shown}});
}

void InvocationDispatcher::cancel(const CompletionSink& sink, const std::string& invocation_id) {
    for (const auto& running : running_) {
        if (running->session != &sink || running->id != invocation_id || running->answered) continue;
        running->cancel_requested = true;
        running->cancelled.notify();
    }
}

void InvocationDispatcher::answer_all(const CompletionSink& sink, const std::string& error) {
    for (const auto& running : running_) {
        if (running->session != &sink || running->answered) continue;
        running->answered = true;
        if (const auto session = running->sink.lock()) {
            CompletionMessage completion{running->id, std::nullopt, error};
            session->complete_now(std::move(completion));
        }
    }
}

Task<> InvocationDispatcher::run() {
    const auto self = shared_from_this();
    for (;;) {
        while (ordered_.empty()) co_await ordered_changed_.wait();
        Invocation invocation = std::move(ordered_.front());
        ordered_.pop_front();
        co_await run_ordered(std::move(invocation));
        ended();
    }
}

Task<> InvocationDispatcher::run_ordered(Invocation invocation) {
    const auto found = targets_.find(invocation.target);
    if (found == targets_.end()) co_return;
    const auto handlers = found->second.handlers;  // they may come and go while one runs
    std::size_t left = handlers.size();
    for (const auto& [id, handler] : handlers) {
        Invocation own;
        if (--left == 0) {
            own = std::move(invocation);
        } else {
            own = invocation;
        }
        co_await call(handler, std::move(own));
    }
}

// Ends when the hub, or stop(), cancels the call; never throws.
Task<> InvocationDispatcher::cancellation(std::shared_ptr<RunningCall> running) {
    try {
        while (!running->cancel_requested) co_await running->cancelled.wait();
    } catch (const boost::system::system_error&) {
    }
}

Task<> InvocationDispatcher::run_result(std::shared_ptr<InvocationDispatcher> self,
                                        std::shared_ptr<ResultHandler> handler, std::shared_ptr<RunningCall> running) {
    const AtEnd at_end([&] {
        self->running_.remove(running);
        self->ended();
    });

    if (!running->invocation.invocation_id) {
        const auto dropped = co_await call(std::move(handler), running->invocation);
        if (!dropped) signalr_log.warn("A handler failed", {{"reason", dropped.error().message}});
        co_return;
    }
    std::optional<Result<json>> result;
    auto work = into(result, call(std::move(handler), running->invocation));
    auto cancel = cancellation(running);
    const std::size_t first = co_await race(std::move(work), std::move(cancel));
    if (running->answered) co_return;
    running->answered = true;
    CompletionMessage completion;
    completion.invocation_id = running->id;
    if (first == 1) {
        completion.error = kCancelled;
    } else if (*result) {
        completion.result = std::move(**result);
    } else {
        completion.error = result->error().message;
    }
    const auto sink = running->sink.lock();
    if (!sink) co_return;
    auto sending = sink->complete(std::move(completion));
    co_await std::move(sending);
}

void InvocationDispatcher::ended() {
    --pending_;
    if (on_room_) on_room_();
}

Task<> InvocationDispatcher::finish() {
    const auto self = shared_from_this();
    on_room_ = nullptr;
    if (!ordered_.empty()) {
        signalr_log.warn("Invocations were waiting for their handlers when the connection was stopped",
                         {{"count", ordered_.size()}});
    }
    group_.abort();
    co_await group_.wait();
}

}  // namespace jiro::signalr
