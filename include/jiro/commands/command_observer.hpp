// SPDX-License-Identifier: MIT
#pragma once
// Who counts commands: implemented by the daemon over monitor's atomics. Each call is one transition of one command,
// made on the event loop in this order, so that an implementation which applies each call atomically keeps
//     received = processed + active + detached + queued      and      processed = successful + failed
// exact at every reading:
//
//     received ---> queued --started--> active --detached--> detached
//                     |                   |                     |
//                     '------finished-----+------finished-------'
//     and back to queued with `suspended`, from active or detached

#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/model/admission.hpp"
#include "jiro/model/command_message.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

struct FinishedEvent {
    const std::string& command_sync_id;
    Outcome outcome;
    Duration queue_time;
    Duration run_time;
};

// What an audit wants of a command: who wanted what, whether it ran, as whom, and how it ended. Views, good for the
// call. The {} let designated initializers leave members out without a warning.
struct AuditedCommand {
    const CommandMessage& message;
    std::string_view name{};       // of a command of this machine; empty: the text named none
    std::string_view signed_by{};  // the id of the key; empty: it is not signed, or that was not looked at
    std::string_view user{};       // as whom it ran; "unknown": it had begun before a restart; empty: it did not
    Outcome outcome = Outcome::rejected;
    std::optional<int> exit_code{};  // of its program; below zero: the signal that ended it
    Duration received_ago{};
    std::optional<Duration> started_ago{};
};

// An implementation looks at what it counts.
class CommandObserver {
  public:
    virtual ~CommandObserver() = default;

    // In the journal; counted as received and queued. Also for commands recovered from before a restart.
    virtual void received(const std::string& /*command_sync_id*/) {}
    virtual void started(const std::string& /*command_sync_id*/, const std::string& /*command_name*/) {}
    // The connection was lost while it ran; it goes on.
    virtual void detached(const std::string& /*command_sync_id*/) {}
    // It waits for the machine's restart: queued again.
    virtual void suspended(const std::string& /*command_sync_id*/) {}
    // Exactly once for every `received`, but for those that `deferred` took away.
    virtual void finished(const FinishedEvent& /*event*/) {}
    // At the daemon's stop a queued command stays in the durable journal for the next start: no longer received here.
    virtual void deferred(const std::string& /*command_sync_id*/) {}
    // Not taken at all; not part of the equations.
    virtual void rejected(Rejection /*why*/) {}
    // The outcome of a command is known, also of one that was never taken; once for each. A repetition that is ignored
    // is none.
    virtual void ended(const AuditedCommand& /*command*/) {}
};

}  // namespace jiro::commands
