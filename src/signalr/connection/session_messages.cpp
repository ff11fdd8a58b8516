// SPDX-License-Identifier: MIT
// What each message from the hub does to a session.
#include <algorithm>

#include "signalr/connection/session.hpp"
#include "signalr/log.hpp"

namespace jiro::signalr {

namespace {

// Each answer repeats the id and must fit the server's limit (32 KiB by default); those of the known servers are short
// numbers.
constexpr std::size_t kMaxInvocationIdBytes = 16 * 1024;
constexpr std::size_t kMostRefreshed = 16;  // tokens that a hub may still repeat

bool is_too_long(const std::string& invocation_id) {
    if (invocation_id.size() <= kMaxInvocationIdBytes) return false;
    signalr_log.warn("An invocation id is too long to be repeated: the hub gets no answer to this invocation",
                     {{"bytes", invocation_id.size()}});
    return true;
}

}  // namespace

std::vector<Secret> Session::secrets() const {
    auto all = established_.secrets;
    all.insert(all.end(), refreshed_.begin(), refreshed_.end());
    return all;
}

void Session::note_refreshed(const std::vector<Secret>& told) {
    const auto known = secrets();
    for (const Secret& secret : told) {
        if (std::ranges::find(known, secret) == known.end()) refreshed_.push_back(secret);
    }
    if (refreshed_.size() > kMostRefreshed) {
        refreshed_.erase(refreshed_.begin(), refreshed_.end() - static_cast<std::ptrdiff_t>(kMostRefreshed));
    }
}

std::string Session::shown(std::string_view text) const { return peer_text(text, secrets()); }

std::optional<Failure> Session::accept(HubMessage message) {
    if (established_.stateful && is_trackable(message)) {
        const bool is_new = received_.accept(clock_.now());
        wake_timer_before(*received_.ack_due_at());
        if (!is_new) {
            signalr_log.debug("A message that came before the connection was resumed was passed over");
            return std::nullopt;
        }
    }
    std::visit([this](auto& own) { on_message(std::move(own)); }, message);
    return std::exchange(violation_, std::nullopt);
}

void Session::on_message(InvocationMessage message) {
    Invocation invocation{std::move(message.target), std::move(message.invocation_id), std::move(message.arguments)};
    if (invocation.invocation_id && is_too_long(*invocation.invocation_id)) invocation.invocation_id.reset();
    invocation.hold = dispatcher_.hold(record_bytes_);
    invocation.over_limit = std::move(message.over_limit);
    invocation.headers = std::move(message.headers);
    invocation.reader = std::move(message.reader);
    dispatcher_.dispatch(std::move(invocation), weak_from_this());
}

void Session::on_message(StreamItemMessage message) {
    const auto found = calls_.find(message.invocation_id);
    if (found == calls_.end())
        return signalr_log.debug("A stream item for no open stream was ignored");  // after a cancel
    const auto call = found->second;
    if (call->kind != PendingCall::Kind::stream) {
        return abandon(*call, Error(errc::protocol_error, "the hub sent a stream item to a call that is no stream"));
    }
    call->items.push_back(std::move(message.item));
    if (call->items.size() >= settings_.max_stream_items) overfull_stream_ = call;
    call->changed.notify();
}

void Session::on_message(CompletionMessage message) {
    const auto found = calls_.find(message.invocation_id);
    if (found == calls_.end()) return signalr_log.debug("A Completion for no open call was ignored");
    const auto call = found->second;
    calls_.erase(found);
    auto& end = call->end.emplace();
    if (message.error) {
        end.error = Error(errc::call_failed, shown(*message.error));
    } else if (message.result && call->kind == PendingCall::Kind::stream) {
        end.error = Error(errc::protocol_error, "the hub completed a stream with a result");
    } else {
        end.result = std::move(message.result);
    }
    call->changed.notify();
}

void Session::on_message(StreamInvocationMessage message) {
    if (is_too_long(message.invocation_id)) return;
    CompletionMessage refusal{std::move(message.invocation_id), std::nullopt, "The client does not serve streams."};
    complete_now(std::move(refusal));
}

void Session::on_message(CancelInvocationMessage message) { dispatcher_.cancel(*this, message.invocation_id); }

void Session::on_message(CloseMessage message) {
    std::string text = "the server closed the connection";
    if (message.error) text = "The server closed the connection with the following error: " + *message.error;
    if (!message.allow_reconnect) text += " (and does not want it back: see the server's log)";
    Failure reason{Error(errc::closed_by_server, std::move(text))};
    reason.rejected = !message.allow_reconnect;
    const Error error = reason.error;
    begin_close(std::move(reason), SendClose::no);
    finish(error);
}

void Session::on_message(AckMessage message) {
    if (established_.stateful) {
        sent_.acknowledged(message.sequence_id);
        changed_.notify();
    }
}

void Session::on_message(SequenceMessage message) {
    if (!established_.stateful) return;
    const auto continued = received_.continue_at(message.sequence_id);
    if (!continued) violation_ = Failure{continued.error()};
    resumable_from_ = clock_.now() + settings_.reconnection_delay;
}

Task<> Session::complete(CompletionMessage completion) {
    const bool is_taken = co_await wait_until_writable();
    if (is_taken) complete_now(std::move(completion));
}

void Session::complete_now(CompletionMessage completion) {
    if (!open_) return;  // thrown away: ids are per connection
    if (post(completion)) return;
    CompletionMessage error{completion.invocation_id, std::nullopt, "The result is not valid UTF-8."};
    if (!post(error)) signalr_log.error("A Completion could not be written");
}

std::shared_ptr<PendingCall> Session::open_call(PendingCall::Kind kind) {
    auto call = std::make_shared<PendingCall>(executor_, next_id(), kind);
    calls_.emplace(call->id, call);
    return call;
}

void Session::forget(PendingCall& call, const Error& error) {
    call.end = PendingCall::End{error, std::nullopt};
    calls_.erase(call.id);
}

void Session::abandon(PendingCall& call, const Error& why) {
    if (call.end) return;
    call.end = PendingCall::End{why, std::nullopt};
    call.is_abandoned = true;
    call.items.clear();
    call.changed.notify();
    calls_.erase(call.id);
    changed_.notify();
    if (open_) static_cast<void>(post(CancelInvocationMessage{call.id}));
}

}  // namespace jiro::signalr
