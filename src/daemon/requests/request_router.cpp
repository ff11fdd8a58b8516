// SPDX-License-Identifier: MIT
#include "daemon/requests/request_router.hpp"

#include <algorithm>

#include "daemon/log.hpp"
#include "daemon/requests/answers.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestId = RequestMembers::kLongestText;  // as JSON: a refusal has room for it

// What is wrong with it. The id is taken whatever that is: the refusal repeats it.
std::optional<std::string> read_request(signalr::Invocation& invocation, Request& request) {
    std::optional<std::string> fault;
    const std::size_t count = invocation.arguments.size();
    try {
        if (count > 0) request.members = RequestMembers(std::move(invocation.arguments[0]));
        std::string id = request.members.text("RequestId");
        if (json_bytes(id) > kLongestId + 2) throw signalr::ArgumentMismatch("RequestId: is too long");
        request.id = std::move(id);
    } catch (const signalr::ArgumentMismatch& mismatch) {
        fault = mismatch.what();
    }
    if (count != 1) fault = "expected 1 argument, got " + std::to_string(count);
    if (invocation.over_limit) fault = invocation.over_limit->message;
    return fault;
}

}  // namespace

RequestRouter::RequestRouter(const Executor& executor, Clock& clock, RequestTargets targets,
                             config::HubSettings settings, std::size_t max_send_bytes)
    : clock_(clock),
      targets_(std::move(targets)),
      settings_(std::move(settings)),
      max_send_bytes_(max_send_bytes),
      slot_free_(executor) {
    for (const auto& target : targets_) counts_.emplace(target.name, Counts());
}

void RequestRouter::attach(signalr::HubConnection& hub) {
    for (const auto& target : targets_) {
        const auto handler = [this](signalr::Invocation invocation) { return receive(std::move(invocation)); };
        hub.on_result(target.name, handler, signalr::OverLimit::take).keep();
    }
}

void RequestRouter::update(const config::HubSettings& settings, std::size_t max_send_bytes) {
    settings_ = settings;
    max_send_bytes_ = max_send_bytes;
}

Task<Result<json>> RequestRouter::receive(signalr::Invocation invocation) {
    const TimePoint began = clock_.now();
    const auto target = std::ranges::find(targets_, invocation.target, &RequestTarget::name);
    Request request;
    request.room = room_for_result(max_send_bytes_, invocation.invocation_id);
    const auto fault = read_request(invocation, request);
    Ended ended;
    if (!settings_.requests.has(target->kind)) {
        ended.end = RequestEnd::not_allowed;
        ended.answer = target->refuse(request, "not allowed on this machine");
    } else if (fault) {
        ended.end = RequestEnd::malformed;
        ended.answer = target->refuse(request, *fault);
    } else {
        auto running = run(*target, request);
        ended = co_await std::move(running);
    }
    if (json_bytes(ended.answer) > request.room) {
        ended.end = RequestEnd::failed;
        ended.answer = target->refuse(request, "the answer is longer than a message may be (WebSocket.MaxSendBytes)");
    }
    ++counts_.find(target->name)->second.at(static_cast<std::size_t>(ended.end));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - began);
    hub_log.info("The hub asked", {{"target", target->name},
                                   {"request_id", request.id},
                                   {"outcome", kRequestEndNames.at(static_cast<std::size_t>(ended.end))},
                                   {"bytes", json_bytes(ended.answer)},
                                   {"took_ms", took}});
    co_return std::move(ended.answer);
}

Task<RequestRouter::Ended> RequestRouter::run(const RequestTarget& target, const Request& request) {
    if (running_ >= kMaxRunning && waiting_ >= kMaxWaiting) {
        co_return Ended{RequestEnd::busy, target.refuse(request, "busy: too many requests at a time")};
    }
    while (running_ >= kMaxRunning) {
        ++waiting_;
        const AtEnd at_end([this] { --waiting_; });
        co_await slot_free_.wait();
    }
    ++running_;
    const AtEnd at_end([this] {
        --running_;
        slot_free_.notify();
    });
    auto performing = perform(target, request);
    auto ended = co_await with_timeout(clock_, kTimeLimit, std::move(performing));
    if (ended) co_return std::move(*ended);
    co_return Ended{RequestEnd::timed_out, target.refuse(request, "the answer took too long")};
}

Task<RequestRouter::Ended> RequestRouter::perform(const RequestTarget& target, const Request& request) {
    Ended ended;
    std::string why;
    try {
        auto answering = target.answer(request);
        auto answer = co_await std::move(answering);
        if (answer) {
            ended.answer = std::move(*answer);
        } else {
            ended.end = RequestEnd::failed;
            why = answer.error().message;
        }
    } catch (const signalr::ArgumentMismatch& mismatch) {
        ended.end = RequestEnd::malformed;
        why = mismatch.what();
    } catch (const std::exception& error) {
        if (is_cancellation(error)) throw;
        ended.end = RequestEnd::failed;
        why = "internal error";
        hub_log.error("A request of the hub failed", {{"target", target.name}, {"reason", error.what()}});
    }
    if (ended.end != RequestEnd::answered) ended.answer = target.refuse(request, why);
    co_return ended;
}

}  // namespace jiro::daemon
