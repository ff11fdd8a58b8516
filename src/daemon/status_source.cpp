#include "daemon/status_source.hpp"

#include <algorithm>

#include "daemon/reload.hpp"
#include "daemon/version.hpp"

namespace jiro::daemon {

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

monitor::HubState to_hub_state(signalr::State state) {
    switch (state) {
        case signalr::State::disconnected:
            return monitor::HubState::disconnected;
        case signalr::State::connecting:
            return monitor::HubState::connecting;
        case signalr::State::connected:
            return monitor::HubState::connected;
        case signalr::State::reconnecting:
            return monitor::HubState::reconnecting;
        case signalr::State::failed:
            return monitor::HubState::failed;
        case signalr::State::disconnecting:
            return monitor::HubState::disconnecting;
    }
    return monitor::HubState::disconnected;
}

monitor::Channel to_channel(delivery::ChannelState state) {
    switch (state) {
        case delivery::ChannelState::open:
            return monitor::Channel::open;
        case delivery::ChannelState::probing:
            return monitor::Channel::probing;
        case delivery::ChannelState::parked:
            return monitor::Channel::parked;
    }
    return monitor::Channel::open;
}

}  // namespace

void StatusSource::note(const signalr::StateChange& change) {
    if (change.to == signalr::State::connected) {
        connected_since_ = parts_.clock.now();
    } else {
        connected_since_.reset();
    }
}

monitor::Status StatusSource::current() const {
    monitor::Status status;
    status.version = kVersion;
    status.instance_id = instance_id_;
    status.uptime_seconds = seconds(parts_.clock.now() - started_);
    status.stopping = stopping_;
    status.hub = hub();
    monitor::fill_from(status, parts_.commands, parts_.clock.now());
    status.outbox = outbox();
    status.delivery = delivery();
    status.last_reload_succeeded = parts_.reloader.last_succeeded();
    if (const auto at = parts_.reloader.last_at()) {
        status.last_reload_unix_seconds = std::chrono::duration<double>(at->time_since_epoch()).count();
    }
    if (auto problem = parts_.outbox.figures().problem; !problem.empty()) {
        status.extra_degraded.push_back("outbox: " + problem);
    }
    return status;
}

monitor::HubStatus StatusSource::hub() const {
    const TimePoint now = parts_.clock.now();
    monitor::HubStatus hub;
    hub.state = to_hub_state(parts_.hub.state());
    hub.connection_id = parts_.hub.connection_id().value_or("");
    hub.url = hub_url_;
    if (const auto error = parts_.hub.last_error()) hub.last_error = error->message;
    if (hub.state != monitor::HubState::connected) hub.attempt = parts_.hub.attempts();
    if (const auto next = parts_.hub.next_attempt_at()) hub.next_attempt_seconds = std::max(0.0, seconds(*next - now));
    if (const auto last = parts_.hub.last_frame_at()) hub.last_frame_age_seconds = seconds(now - *last);
    if (connected_since_) hub.connected_seconds = seconds(now - *connected_since_);
    return hub;
}

monitor::OutboxStatus StatusSource::outbox() const {
    const auto figures = parts_.outbox.figures();
    monitor::OutboxStatus outbox;
    outbox.pending = figures.pending;
    outbox.dead_letters = figures.dead_letters;
    outbox.bytes = figures.bytes;
    outbox.writable = figures.writable;
    if (figures.oldest_undelivered) {
        const auto age = parts_.clock.wall_now() - *figures.oldest_undelivered;
        outbox.oldest_age_seconds = std::max(0.0, std::chrono::duration<double>(age).count());
    }
    return outbox;
}

monitor::DeliveryStatus StatusSource::delivery() const {
    const auto figures = parts_.courier.figures();
    monitor::DeliveryStatus delivery;
    delivery.delivered = figures.delivered;
    delivery.attempts = figures.attempts;
    delivery.retries = figures.retries;
    delivery.channel = to_channel(figures.channel);
    delivery.last_error = figures.channel_reason.empty() ? figures.last_error : figures.channel_reason;
    return delivery;
}

}  // namespace jiro::daemon
