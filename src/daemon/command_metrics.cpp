// SPDX-License-Identifier: MIT
#include "daemon/command_metrics.hpp"

namespace jiro::daemon {

namespace {

monitor::Outcome to_outcome(Outcome outcome) {
    switch (outcome) {
        case Outcome::succeeded:
            return monitor::Outcome::succeeded;
        case Outcome::failed:
            return monitor::Outcome::failed;
        case Outcome::timed_out:
            return monitor::Outcome::timed_out;
        case Outcome::cancelled:
            return monitor::Outcome::cancelled;
        case Outcome::rejected:
            return monitor::Outcome::rejected;
        case Outcome::interrupted:
            return monitor::Outcome::interrupted;
    }
    return monitor::Outcome::failed;
}

monitor::Rejection to_rejection(Rejection why) {
    switch (why) {
        case Rejection::malformed:
            return monitor::Rejection::malformed;
        case Rejection::duplicate:
            return monitor::Rejection::duplicate;
        case Rejection::conflicting_content:
            return monitor::Rejection::conflicting_content;
        case Rejection::storage:
            return monitor::Rejection::storage;
    }
    return monitor::Rejection::malformed;
}

}  // namespace

void CommandMetrics::received(const std::string&) { monitor_.received(); }

void CommandMetrics::started(const std::string& command_sync_id, const std::string& command_name) {
    monitor_.started(command_sync_id, command_name, clock_.now());
}

void CommandMetrics::detached(const std::string& command_sync_id) { monitor_.detached(command_sync_id); }

void CommandMetrics::finished(const commands::FinishedEvent& event) {
    monitor_.finished(event.command_sync_id, to_outcome(event.outcome), event.queue_time, event.run_time);
}

void CommandMetrics::deferred(const std::string&) { monitor_.deferred(); }

void CommandMetrics::rejected(Rejection why) { monitor_.rejected(to_rejection(why)); }

}  // namespace jiro::daemon
