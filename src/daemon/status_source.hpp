// SPDX-License-Identifier: MIT
#pragma once
// Gathers what every part knows about itself into one monitor::Status, for the status endpoint, the `status` command
// and systemd's status line; counts what nobody else counts: lost connections by cause, calls by gRPC status, the last
// errors. Event loop only.

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "daemon/recent_errors.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/enum_names.hpp"
#include "jiro/commands/running_commands.hpp"
#include "jiro/delivery/courier.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/result_sender.hpp"
#include "jiro/monitor/command_queue_monitor.hpp"
#include "jiro/monitor/status.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

class HubUploads;
class Pause;
class Reloader;
class RequestRouter;

// Why a connection that stood was lost; the label `cause` of the metrics. A fixed set: every series is there from the
// start.
enum class LossCause {
    connection_lost,   // the network: reset, end of file, a write that failed
    server_timeout,    // silence
    closed_by_server,  // a hub Close message
    websocket_closed,  // a WebSocket close frame
    protocol_error,    // the hub said what it must not
    settings_changed,  // a reload
    other,
};
inline constexpr auto kLossCauseNames = enum_names<LossCause::connection_lost, LossCause::other>;
[[nodiscard]] LossCause loss_cause_of(const Error& error);

class StatusSource {
  public:
    struct Parts {
        const Clock& clock;
        const signalr::HubConnection& hub;
        const monitor::CommandQueueMonitor& commands;
        const delivery::Outbox& outbox;
        const delivery::Courier& courier;
        const Reloader& reloader;
        const Pause* pause = nullptr;
        const commands::RunningCommands* runs = nullptr;
        const RequestRouter* requests = nullptr;  // what the hub asks beside commands
        const HubUploads* uploads = nullptr;
    };

    StatusSource(Parts parts, std::string instance_id)
        : parts_(parts), instance_id_(std::move(instance_id)), started_(parts.clock.now()), errors_(parts.clock) {}

    [[nodiscard]] monitor::Status current() const;

    void set_hub_url(std::string redacted_url) { hub_url_ = std::move(redacted_url); }
    void set_instance_id(std::string id) { instance_id_ = std::move(id); }
    void set_stopping() { stopping_ = true; }
    // What the assistant says of itself; nothing when there is none.
    void set_chat(std::function<std::optional<monitor::ChatStatus>()> chat) { chat_ = std::move(chat); }
    // To be called for every change of the connection's state, and for every answer to a result.
    void note(const signalr::StateChange& change);
    void note(const delivery::SendResult& answer);
    // To be called now and then: keeps errors that are over before the next change of the state.
    void sample();

  private:
    [[nodiscard]] monitor::HubStatus hub() const;
    [[nodiscard]] std::vector<monitor::EndedStatus> ended() const;
    [[nodiscard]] monitor::RequestsStatus requests() const;
    [[nodiscard]] monitor::OutboxStatus outbox() const;
    [[nodiscard]] monitor::DeliveryStatus delivery() const;

    Parts parts_;
    std::string instance_id_;
    std::string hub_url_;
    TimePoint started_;
    std::optional<TimePoint> connected_since_;
    bool stopping_ = false;
    std::function<std::optional<monitor::ChatStatus>()> chat_;

    RecentErrors errors_;
    std::array<std::uint64_t, kLossCauseNames.size()> losses_{};
    std::map<delivery::StatusCode, std::uint64_t> calls_;
    std::pair<int, std::string> sampled_hub_error_;  // attempt and message
    std::string sampled_outbox_problem_;
    std::optional<WallTime> sampled_reload_;
};

}  // namespace jiro::daemon
