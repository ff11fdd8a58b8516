// SPDX-License-Identifier: MIT
#pragma once
// Who runs what the hub invoked, off the read loop. Handlers without a result run one after another in order of
// arrival; handlers with a result run concurrently, started in order of arrival, and answer with exactly one Completion
// whatever happens: value, error, exception, cancellation, stop. What is pending is counted, so that the session can
// pause reading.

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "jiro/base/event.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/signalr/invocation.hpp"
#include "signalr/protocol/hub_message.hpp"

namespace jiro::signalr {

// Where Completions go: the session that brought the invocation. Ids are per connection, so they go nowhere else.
class CompletionSink {
  public:
    virtual ~CompletionSink() = default;
    [[nodiscard]] virtual Task<> complete(CompletionMessage completion) = 0;  // waits for room in the send queue
    virtual void complete_now(CompletionMessage completion) = 0;
    // What the hub says, for the log: without the connection's secrets.
    [[nodiscard]] virtual std::string shown(std::string_view text) const = 0;
};

// Owned by shared_ptr: the coroutines of handlers keep it alive.
class InvocationDispatcher : public std::enable_shared_from_this<InvocationDispatcher> {
  public:
    InvocationDispatcher(Executor executor, std::function<void()> on_room);

    std::uint64_t add(const std::string& target, Handler handler);
    // logic_error when there is one
    std::uint64_t add_result(const std::string& target, ResultHandler handler, OverLimit over_limit,
                             std::function<ArgumentsReader()> make_reader = nullptr);
    void remove(const std::string& target, std::uint64_t id);

    // For the arguments of an invocation that is being read; none where its handler wants a tree.
    [[nodiscard]] ArgumentsReader reader_of(const std::string& target) const;
    void dispatch(Invocation invocation, std::weak_ptr<CompletionSink> sink);
    void cancel(const CompletionSink& sink, const std::string& invocation_id);
    // Answers every running call of this session with an error; what the handlers give later is dropped.
    void answer_all(const CompletionSink& sink, const std::string& error);

    [[nodiscard]] std::size_t pending() const noexcept { return pending_; }

    // For Invocation::hold.
    [[nodiscard]] std::shared_ptr<const void> hold(std::size_t bytes);
    [[nodiscard]] std::size_t held_bytes() const noexcept { return held_bytes_; }

    // Runs the ordered handlers until cancelled.
    [[nodiscard]] Task<> run();
    // Cancels and awaits every handler that runs.
    [[nodiscard]] Task<> finish();

  private:
    struct Target {
        std::map<std::uint64_t, std::shared_ptr<Handler>> handlers;
        std::shared_ptr<ResultHandler> result;
        std::uint64_t result_id = 0;
        OverLimit over_limit = OverLimit::refuse;  // of `result`, as is make_reader
        std::function<ArgumentsReader()> make_reader;
    };
    struct RunningCall;

    static void refuse(const Invocation& invocation, const std::weak_ptr<CompletionSink>& sink, const char* error);
    void warn_unknown(const std::string& target, const std::weak_ptr<CompletionSink>& sink);
    Task<> run_ordered(Invocation invocation);
    static Task<> cancellation(std::shared_ptr<RunningCall> running);
    static Task<> run_result(std::shared_ptr<InvocationDispatcher> self, std::shared_ptr<ResultHandler> handler,
                             std::shared_ptr<RunningCall> call);
    void ended();

    Executor executor_;
    std::function<void()> on_room_;
    std::map<std::string, Target, std::less<>> targets_;
    std::uint64_t next_id_ = 1;
    std::deque<Invocation> ordered_;
    Event ordered_changed_;
    std::list<std::shared_ptr<RunningCall>> running_;
    std::size_t pending_ = 0;
    std::size_t held_bytes_ = 0;
    std::set<std::string, std::less<>> warned_targets_;
    TaskGroup group_;
};

}  // namespace jiro::signalr
