// SPDX-License-Identifier: MIT
#pragma once
// A Status with something in every member, for the tests of the forms that it is shown in.

#include "jiro/monitor/status.hpp"

namespace jiro::monitor {

inline Status connected_status() {
    Status status;
    status.version = "1.2.3";
    status.uptime_seconds = 7980.1234567;
    status.hub.state = ConnectionState::connected;
    status.hub.connection_id = "conn-1";
    status.hub.url = "https://hub.example/instanceHub";
    status.hub.last_frame_age_seconds = 2.5;
    status.hub.reconnects_by_cause = {{"ping_timeout", 2}};
    status.requests = {{"commands", "sessions"}, {{"LogsRequested", "answered", 0}, {"RemoveSession", "busy", 3}}, 1};
    status.commands.received = 10;
    status.commands.queued = 1;
    status.commands.active = 1;
    status.commands.detached = 1;
    status.commands.successful = 5;
    status.commands.failed = 2;
    status.commands.rejected = 3;
    status.commands.duplicates = 4;
    status.commands.by_rejection = {1, 4, 0, 2};
    status.running = {{"cmd-1", "load", 12.25, false}, {"cmd-2", "sysinfo", 300, true}};
    status.by_name["load"].outcomes = {5, 1, 1, 0, 0, 0};
    status.by_name["load"].run_time.buckets[3] = 7;
    status.ended = {{"cmd-0", "load", Outcome::failed, 1.5, 0.25, 12.5, DeliveryState::waiting}};
    status.run_time.buckets[3] = 7;
    status.run_time.sum_seconds = 0.05;
    status.outbox = {3, 0, 12.0, 12595, true, 0, true};
    status.delivery.delivered = 4;
    status.delivery.attempts = 6;
    status.delivery.retries = 2;
    status.delivery.attempts_by_status = {{"OK", 4}, {"UNAVAILABLE", 2}};
    status.recent_errors = {{"2026-11-22T10:00:00Z", "delivery", "UNAVAILABLE: connection refused"}};
    return status;
}

}  // namespace jiro::monitor
