// SPDX-License-Identifier: MIT
#include "daemon/status_source.hpp"

#include <algorithm>

#include "daemon/pause.hpp"
#include "daemon/reload.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "daemon/requests/request_router.hpp"
#include "daemon/version.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/peer_text.hpp"

namespace jiro::daemon {

LossCause loss_cause_of(const Error& error) {
    using signalr::errc;
    static constexpr std::pair<errc, LossCause> kCauses[] = {
        {errc::connection_lost, LossCause::connection_lost},   {errc::send_failed, LossCause::connection_lost},
        {errc::send_timeout, LossCause::connection_lost},      {errc::server_timeout, LossCause::server_timeout},
        {errc::closed_by_server, LossCause::closed_by_server}, {errc::websocket_closed, LossCause::websocket_closed},
        {errc::settings_changed, LossCause::settings_changed}, {errc::protocol_error, LossCause::protocol_error},
        {errc::invalid_json, LossCause::protocol_error},       {errc::invalid_utf8, LossCause::protocol_error},
        {errc::nesting_too_deep, LossCause::protocol_error},   {errc::too_many_values, LossCause::protocol_error},
        {errc::message_too_big, LossCause::protocol_error},    {errc::sequence_gap, LossCause::protocol_error},
    };
    for (const auto& [code, cause] : kCauses) {
        if (error.code == code) return cause;
    }
    return LossCause::other;
}

void StatusSource::note(const signalr::StateChange& change) {
    const bool is_loss = change.to == signalr::State::reconnecting || change.to == signalr::State::failed;
    if (change.from == signalr::State::connected && is_loss) {
        const auto cause = change.error ? loss_cause_of(*change.error) : LossCause::other;
        ++losses_.at(static_cast<std::size_t>(cause));
    }
    sample();
    if (change.to == signalr::State::connected) {
        connected_since_ = parts_.clock.now();
    } else {
        connected_since_.reset();
    }
}

void StatusSource::note(const delivery::SendResult& answer) {
    ++calls_[answer.code];
    if (answer.confirmed()) return;
    const std::string code(answer.code == delivery::StatusCode::ok ? "success=false" : to_string(answer.code));
    errors_.note("delivery", answer.message.empty() ? code : code + ": " + answer.message);
}

void StatusSource::sample() {
    // While the next attempt is waited for, the last one has just failed; the same words of another attempt are another
    // error.
    if (const auto error = parts_.hub.last_error(); error && parts_.hub.next_attempt_at()) {
        std::pair seen{parts_.hub.attempts(), error->message};
        if (std::exchange(sampled_hub_error_, seen) != seen) errors_.note("hub", error->message);
    }
    const auto problem = parts_.outbox.figures().problem;
    if (std::exchange(sampled_outbox_problem_, problem) != problem && !problem.empty()) errors_.note("outbox", problem);
    const auto reload = parts_.reloader.last_at();
    const bool is_new = std::exchange(sampled_reload_, reload) != reload;
    const auto& status_note = parts_.reloader.status_note();  // "; last reload refused: ..." or empty
    if (is_new && !status_note.empty()) errors_.note("reload", status_note.substr(2));
}

monitor::Status StatusSource::current() const {
    monitor::Status status;
    status.version = kVersion;
    status.instance_id = instance_id_;
    status.uptime_seconds = in_seconds(parts_.clock.now() - started_);
    status.stopping = stopping_;
    if (parts_.pause != nullptr) status.pause = parts_.pause->status();
    status.hub = hub();
    status.requests = requests();
    monitor::fill_from(status, parts_.commands, parts_.clock.now());
    status.ended = ended();
    status.outbox = outbox();
    status.delivery = delivery();
    if (chat_) status.chat = chat_();
    if (status.chat) status.chat->last_error = log::scrubbed(status.chat->last_error);
    status.recent_errors = errors_.newest_first();
    status.log_lines_dropped = log::lost_lines();
    status.last_reload_succeeded = parts_.reloader.last_succeeded();
    if (const auto at = parts_.reloader.last_at()) {
        status.last_reload_unix_seconds = in_seconds(at->time_since_epoch());
    }
    if (auto problem = parts_.outbox.figures().problem; !problem.empty()) {
        status.extra_degraded.push_back("outbox: " + problem);
    }
    return status;
}

std::vector<monitor::EndedStatus> StatusSource::ended() const {
    std::vector<monitor::EndedStatus> shown;
    if (parts_.runs == nullptr) return shown;
    for (auto& command : parts_.runs->ended(monitor::kShownEnded)) {
        shown.push_back({.id = monitor::shown_id(command.id),
                         .name = shortened(command.name, monitor::kShownNameBytes),
                         .outcome = command.outcome,
                         .age_seconds = in_seconds(command.age),
                         .queue_seconds = in_seconds(command.queue_time),
                         .run_seconds = in_seconds(command.run_time),
                         .delivery = command.delivery});
    }
    return shown;
}

monitor::HubStatus StatusSource::hub() const {
    const TimePoint now = parts_.clock.now();
    monitor::HubStatus hub;
    hub.state = parts_.hub.state();
    hub.connection_id = log::scrubbed(parts_.hub.connection_id().value_or(""));  // as the hub named it
    const auto connected_url = parts_.hub.connected_url();
    hub.url = connected_url ? connected_url->redacted() : hub_url_;
    if (const auto error = parts_.hub.last_error()) hub.last_error = log::scrubbed(error->message);
    if (hub.state != ConnectionState::connected) hub.attempt = parts_.hub.attempts();
    if (const auto next = parts_.hub.next_attempt_at())
        hub.next_attempt_seconds = std::max(0.0, in_seconds(*next - now));
    if (const auto last = parts_.hub.last_frame_at()) hub.last_frame_age_seconds = in_seconds(now - *last);
    if (connected_since_) hub.connected_seconds = in_seconds(now - *connected_since_);
    for (std::size_t i = 0; i < losses_.size(); ++i)
        hub.reconnects_by_cause.emplace_back(kLossCauseNames[i], losses_[i]);
    return hub;
}

monitor::RequestsStatus StatusSource::requests() const {
    monitor::RequestsStatus status;
    if (parts_.requests == nullptr) return status;
    status.allowed = parts_.requests->allowed().names();
    for (const auto& [target, counts] : parts_.requests->counts()) {
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if (i > 0 && counts.at(i) == 0) continue;
            status.counts.push_back({target, std::string(kRequestEndNames.at(i)), counts.at(i)});
        }
    }
    status.streams = parts_.uploads->size();
    return status;
}

monitor::OutboxStatus StatusSource::outbox() const {
    const auto figures = parts_.outbox.figures();
    const auto carried = parts_.courier.figures();
    monitor::OutboxStatus outbox;
    outbox.pending = figures.pending + carried.unsaved;
    outbox.dead_letters = figures.dead_letters;
    outbox.bytes = figures.bytes;
    outbox.writable = figures.writable;
    outbox.storage_errors = figures.storage_errors;
    outbox.ballast_present = figures.has_ballast;
    const auto oldest = std::min(figures.oldest_undelivered.value_or(WallTime::max()),
                                 carried.oldest_unsaved.value_or(WallTime::max()));
    if (oldest != WallTime::max()) {
        const auto age = parts_.outbox.now() - oldest;
        outbox.oldest_age_seconds = std::max(0.0, in_seconds(age));
    }
    return outbox;
}

monitor::DeliveryStatus StatusSource::delivery() const {
    const auto figures = parts_.courier.figures();
    monitor::DeliveryStatus delivery;
    delivery.delivered = figures.delivered;
    delivery.attempts = figures.attempts;
    delivery.retries = figures.retries;
    delivery.lost = figures.lost + parts_.outbox.figures().lost;
    delivery.channel = figures.channel;
    if (figures.next_probe)
        delivery.next_attempt_seconds = std::max(0.0, in_seconds(*figures.next_probe - parts_.clock.now()));
    delivery.last_error = log::scrubbed(figures.channel_reason.empty() ? figures.last_error : figures.channel_reason);
    for (const auto& [code, count] : calls_) delivery.attempts_by_status.emplace_back(to_string(code), count);
    return delivery;
}

}  // namespace jiro::daemon
