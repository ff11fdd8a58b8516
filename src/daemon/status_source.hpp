#pragma once
// Gathers what every part knows about itself into one monitor::Status, for the status endpoint, the `status` command
// and systemd's status line. Event loop only.

#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/monitor/command_queue_monitor.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

class Reloader;

class StatusSource {
  public:
    struct Parts {
        const Clock& clock;
        const signalr::HubConnection& hub;
        const monitor::CommandQueueMonitor& commands;
        const delivery::Outbox& outbox;
        const delivery::Courier& courier;
        const Reloader& reloader;
    };

    StatusSource(Parts parts, std::string instance_id)
        : parts_(parts), instance_id_(std::move(instance_id)), started_(parts.clock.now()) {}

    [[nodiscard]] monitor::Status current() const;

    void set_hub_url(std::string redacted_url) { hub_url_ = std::move(redacted_url); }
    void set_instance_id(std::string id) { instance_id_ = std::move(id); }
    void set_stopping() { stopping_ = true; }
    // To be called for every change of the connection's state.
    void note(const signalr::StateChange& change);

  private:
    [[nodiscard]] monitor::HubStatus hub() const;
    [[nodiscard]] monitor::OutboxStatus outbox() const;
    [[nodiscard]] monitor::DeliveryStatus delivery() const;

    Parts parts_;
    std::string instance_id_;
    std::string hub_url_;
    TimePoint started_;
    std::optional<TimePoint> connected_since_;
    bool stopping_ = false;
};

}  // namespace jiro::daemon
