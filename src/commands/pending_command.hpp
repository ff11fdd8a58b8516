// SPDX-License-Identifier: MIT
#pragma once
// A command between its arrival and its outcome. Shared by the dispatcher, its queue, the coroutine that runs the
// command and the ReceivedCommands that wait for it; event loop only.

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "commands/resolution.hpp"
#include "jiro/base/event.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "jiro/commands/kept_programs.hpp"

namespace jiro::commands {

struct RunOutput;

// What a message takes in memory, but for a little.
[[nodiscard]] std::size_t size_of(const CommandMessage& message);

class PendingCommand {
  public:
    enum class Phase {
        journalling,  // the sink has been asked
        waiting,      // in the journal, not started
        running,      // its handler runs, in a slot, or its outcome is being stored
        refused,      // never ran; its outcome is being stored
        ended,        // has a completion
    };
    enum class Place {  // the RunQueue's
        none,
        queued,            // counts towards MaxQueued
        reserved,          // its slot is kept
        running,           // has a slot
        control_reserved,  // the same two in the lane of control commands
        control,
        tool,  // has a slot of its own command, and none of MaxConcurrent
    };

    PendingCommand(CommandMessage&& command_message, Fingerprint content, TimePoint now, std::uint64_t number)
        : message(std::move(command_message)),
          bytes(size_of(message)),
          fingerprint(content),
          received_at(now),
          arrived_at(now),
          sequence(number) {}

    // The command that its text names, now or after a reload.
    void dispatch_as(const CommandDescription& description);

    // Returns when `complete` was called.
    [[nodiscard]] Task<Completion> completed();
    void complete(Completion completion);

    // Sets the reason (the first one counts) and tells a running handler.
    void request_cancel(CancelReason reason);
    // Of one that was cancelled: its program has no more time to end by itself. What else runs does not hear it.
    void end_grace();

    [[nodiscard]] bool is_tool() const noexcept { return answer != nullptr; }
    // It runs, or its start is being committed: then only a cancellation keeps it from running.
    [[nodiscard]] bool has_begun() const noexcept {
        return phase == Phase::running || place == Place::reserved || place == Place::control_reserved;
    }

    CommandMessage message;
    std::size_t bytes;  // of the message
    Fingerprint fingerprint;
    std::string name;                      // as dispatched
    std::string lane;                      // what it waits in for its turn, of one that has one for each session
    std::string signed_by;                 // the id of the key; empty: it is not signed, or that was not looked at
    std::optional<Resolution> resolution;  // of its text, by `resolved_with`; while it is queued: none
    std::shared_ptr<const CommandRegistry> resolved_with;
    TimePoint received_at;                   // by its wait for its turn
    TimePoint arrived_at;                    // from the hub; earlier, when a restart came between
    TimePoint started_at{};                  // by an earlier process, perhaps
    int resumes = 0;                         // how often the machine was started anew for it
    bool has_run = false;                    // in an earlier process; its effect is not known
    bool repeats = false;                    // of that, what was interrupted: only an idempotent command runs again
    std::optional<Suspension> suspension{};  // its handler's wish
    Handover handover;                       // of its program, when the daemon stops
    std::optional<TimePoint> resume_before;  // it waits for the machine's restart, until then
    std::uint64_t sequence;                  // arrival order
    Phase phase = Phase::journalling;
    Place place = Place::none;
    bool is_marked_running = false;           // in the journal, by its receipt
    std::shared_ptr<FinishedCommand> answer;  // of a tool: where its outcome goes, in place of the journal
    bool detached = false;
    std::optional<CancelReason> cancel_reason;
    bool is_grace_over = false;
    std::shared_ptr<const RunOutput> output;  // of its program, while and after it runs
    std::optional<Outcome> outcome;           // known, and being stored
    boost::asio::cancellation_signal stop;    // of the handler

  private:
    std::optional<Completion> completion_;
    std::optional<Event> ended_;  // made when somebody waits
};

using Phase = PendingCommand::Phase;
using Place = PendingCommand::Place;

[[nodiscard]] std::string_view to_string(CancelReason reason);

}  // namespace jiro::commands
