// SPDX-License-Identifier: MIT
// MaxWaitMs: a command that has not begun by then gets an error result in place of a run that nobody waits for any
// more. The limit is the same for one that a restart found in the journal.
#include <algorithm>

#include "commands/dispatcher_state.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

void Dispatcher::State::refuse_late(const PendingPtr& command) {
    if (command->resume_before) {
        return refuse(command, CommandResult::failed("it asked for the machine's restart, which did not come in time "
                                                     "(ResumeWithinMs)"));
    }
    const auto waited = to_milliseconds(clock.now() - command->received_at);
    std::string text = "timed out: it waited " + std::to_string(waited.count()) + " ms for its turn, and may for " +
                       std::to_string(settings.max_wait.count()) + " (Commands.MaxWaitMs)";
    if (const auto closed = gate_closed()) text += "; " + closed->why;
    refuse(command, CommandResult::timed_out(std::move(text)));
}

Task<> Dispatcher::State::refuse_what_waits_too_long() {
    const auto self = shared_from_this();
    for (;;) {
        next_late = TimePoint::max();
        for (const auto& command : all_in_order()) {
            const bool waits = command->place == Place::queued || command->resume_before;
            if (command->phase != Phase::waiting || !waits) continue;
            if (is_late(*command)) {
                refuse_late(command);
            } else {
                next_late = std::min(next_late, late_from(*command));
            }
        }
        auto earlier = waits_longest.wait();
        if (next_late == TimePoint::max()) {
            co_await std::move(earlier);
        } else {
            static_cast<void>(co_await with_timeout(clock, next_late - clock.now(), std::move(earlier)));
        }
    }
}

}  // namespace jiro::commands
