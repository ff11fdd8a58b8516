// SPDX-License-Identifier: MIT
#pragma once
// Where commands enter: the hub's invocation becomes a CommandMessage, goes to the dispatcher, and, when the hub waits
// for an answer, its receipt, its end or its delivery becomes the invocation's Completion. Registered on both names
// that hubs use, ReceiveCommand (the seed's) and CommandReceived (today's), each answered in its own form. Event loop
// only.

#include <nlohmann/json_fwd.hpp>

#include "daemon/delivery_watch.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/commands/command_observer.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

// Whether the hub may run commands here (Hub.Requests).
enum class CommandsAre { refused, taken };

class Intake {
  public:
    // From the command's arrival; the server's own patience is 300 s.
    static constexpr Duration kDeliveryLimit = std::chrono::seconds(280);
    // Invocations that wait for their command's end or delivery; one beyond is answered at once. Well below signalr's
    // max_pending_invocations, at which nothing is read any more, no `cancel` and no Close either.
    static constexpr std::size_t kMostWaits = 2'048;

    Intake(commands::Dispatcher& dispatcher, commands::CommandObserver& observer, DeliveryWatch& deliveries,
           Clock& clock, commands::Acknowledge acknowledge, std::size_t max_send_bytes)
        : dispatcher_(dispatcher),
          observer_(observer),
          deliveries_(deliveries),
          clock_(clock),
          acknowledge_(acknowledge),
          max_send_bytes_(max_send_bytes) {}

    // The handlers stay for the connection's life; the connection must not outlive this object.
    void attach(signalr::HubConnection& hub);

    // The handler that attach() registers.
    [[nodiscard]] Task<Result<nlohmann::json>> receive(signalr::Invocation invocation);

    void update(commands::Acknowledge acknowledge, CommandsAre commands, std::size_t max_send_bytes) {
        acknowledge_ = acknowledge;
        max_send_bytes_ = max_send_bytes;
        commands_ = commands;
    }

  private:
    [[nodiscard]] commands::ParsedMessage parse(signalr::Invocation& invocation) const;
    class Answers;
    [[nodiscard]] Task<nlohmann::json> answer(commands::ReceivedCommand received, DeliveryWatch::Wait delivery,
                                              Answers answers, TimePoint deliver_until);

    commands::Dispatcher& dispatcher_;
    commands::CommandObserver& observer_;
    DeliveryWatch& deliveries_;
    Clock& clock_;
    commands::Acknowledge acknowledge_;
    std::size_t max_send_bytes_;  // of one record
    CommandsAre commands_ = CommandsAre::taken;
    std::shared_ptr<std::size_t> waits_ = std::make_shared<std::size_t>(0);
};

}  // namespace jiro::daemon
