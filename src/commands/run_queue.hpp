// SPDX-License-Identifier: MIT
#pragma once
// Which command runs next: order of arrival, a number of slots, and the limits of single commands. Pure: it starts
// nothing; the dispatcher asks it after each change. A command is in one Place at a time, and `leave` takes it out of
// whichever that is. Control commands have a lane beside the slots and the queue, so that commands which hang do not
// keep anybody from looking; beyond the lane's bound they are as any other. A tool takes no slot, since the command
// that waits for it has one; of its own command's it does, and before those that wait for it without holding anything,
// or who holds a slot would wait for one who needs it. A command of which one runs in a session at a time has that
// limit for each session, and waits for it as for any other. Event loop only.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "commands/pending_command.hpp"
#include "jiro/commands/command_handler.hpp"

namespace jiro::commands {

inline constexpr int kControlCommands = 16;  // at a time

using PendingPtr = std::shared_ptr<PendingCommand>;

class RunQueue {
  public:
    explicit RunQueue(const Settings& settings) { set_limits(settings); }
    // After a reload, too: what waits for its command's own limit, which may be another now, lines up again.
    void set_limits(const Settings& settings);

    // Arrival. "busy: ..." when so many commands, or so many bytes of them, or so many for their session, wait that
    // this one may not.
    [[nodiscard]] std::optional<std::string> busy(const PendingCommand& command) const;
    // For one more of what the journal holds from before a restart.
    [[nodiscard]] bool has_room() const noexcept;
    // Keeps a slot for a command whose receipt is being committed as running. False when none is free, or an older
    // command is to have it.
    [[nodiscard]] bool reserve(const PendingPtr& command, const CommandDescription& description);
    void enqueue(const PendingPtr& command);
    // One that runs already, whether or not a slot is free.
    void take_back(const PendingPtr& command);

    // For a control command, in place of those two: it starts when its receipt is in the journal. False: so many run
    // that it has to wait with the others.
    [[nodiscard]] bool reserve_control(PendingCommand& command);
    void start_control(PendingCommand& command);

    // The oldest reserved command, once it is committed: it has its slot, and runs.
    [[nodiscard]] PendingPtr next_reserved();
    // The oldest queued command, when a slot is free and it is in the journal. `start` says whether it may have the
    // slot.
    [[nodiscard]] PendingPtr next_queued();
    // One of the tools that wait, be it for its own command's limit.
    [[nodiscard]] PendingPtr next_tool();
    // False when so many of this command, or of it in this session, run already: it then waits for one of them to end.
    [[nodiscard]] bool start(const PendingPtr& command, int max_concurrent);

    // It has run, or never will.
    void leave(PendingCommand& command);

    [[nodiscard]] bool has_queued() const noexcept { return queued_ > 0; }
    [[nodiscard]] bool has_reserved() const noexcept { return !reserved_.empty() || reserved_control_ > 0; }

  private:
    struct PerCommandLimit {
        [[nodiscard]] bool has_room() const noexcept { return max_concurrent == 0 || running < max_concurrent; }

        int max_concurrent = 0;  // as `start` was told last; 0: none
        int running = 0;
        std::deque<PendingPtr> waiting;  // for this command's own limit; they start before anything in `queue_`
        std::deque<PendingPtr> tools;    // likewise; before those
    };

    [[nodiscard]] PerCommandLimit& limit_of(const PendingCommand& command) {
        return limits_[command.lane.empty() ? command.name : command.lane];
    }
    [[nodiscard]] std::size_t waiting_in(const std::string& lane) const;
    void hand_on(PerCommandLimit& limit);

    int max_concurrent_ = 0;
    std::size_t max_queued_ = 0;
    std::deque<PendingPtr> queue_;     // arrival order; this and the others may hold what has left, and skip it
    std::deque<PendingPtr> tools_;     // arrival order; they need none of the slots
    std::deque<PendingPtr> reserved_;  // arrival order
    // By command name; where it has a lane by that, as long as somebody runs or waits there.
    std::unordered_map<std::string, PerCommandLimit> limits_;
    int running_ = 0;  // slots that are taken, reserved ones too
    int control_ = 0;  // control commands, reserved ones too
    int reserved_control_ = 0;
    std::size_t queued_ = 0;
    std::size_t queued_bytes_ = 0;  // of their messages
};

}  // namespace jiro::commands
