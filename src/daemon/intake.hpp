// SPDX-License-Identifier: MIT
#pragma once
// Where commands enter: the hub's invocation becomes a CommandMessage, goes to the dispatcher, and, when the hub waits
// for an answer, its receipt or its end becomes the invocation's Completion. Registered on both names that hubs use,
// ReceiveCommand and CommandReceived. Event loop only.

#include <nlohmann/json_fwd.hpp>

#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/commands/command_observer.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/signalr/hub_connection.hpp"

namespace jiro::daemon {

class Intake {
  public:
    Intake(commands::Dispatcher& dispatcher, commands::CommandObserver& observer, commands::Acknowledge acknowledge)
        : dispatcher_(dispatcher), observer_(observer), acknowledge_(acknowledge) {}

    // The handlers stay for the connection's life; the connection must not outlive this object.
    void attach(signalr::HubConnection& hub);

    // The handler that attach() registers.
    [[nodiscard]] Task<Result<nlohmann::json>> receive(signalr::Invocation invocation);

    void set_acknowledge(commands::Acknowledge acknowledge) { acknowledge_ = acknowledge; }

  private:
    commands::Dispatcher& dispatcher_;
    commands::CommandObserver& observer_;
    commands::Acknowledge acknowledge_;
};

}  // namespace jiro::daemon
