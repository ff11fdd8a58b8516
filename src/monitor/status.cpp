// SPDX-License-Identifier: MIT
#include "jiro/monitor/status.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "monitor/text.hpp"

namespace jiro::monitor {
namespace {

std::string hub_host(const std::string& url) {
    const auto parsed = Url::parse(url);
    return std::string(parsed ? parsed->host() : "the hub");
}

std::string hub_phrase(const HubStatus& hub) {
    if (hub.url.empty()) return "No hub is configured";
    const std::string host = hub_host(hub.url);
    switch (hub.state) {
        case ConnectionState::connected:
            return "Connected to " + host;
        case ConnectionState::disconnected:
            return "Disconnected from " + host;
        case ConnectionState::disconnecting:
            return "Disconnecting from " + host;
        case ConnectionState::connecting:
        case ConnectionState::reconnecting:
        case ConnectionState::failed:
            break;
    }
    std::string phrase =
        std::string(to_string(hub.state)) + (hub.state == ConnectionState::failed ? " for " : " to ") + host;
    std::string detail;
    if (hub.attempt > 0) detail = "attempt " + std::to_string(hub.attempt);
    if (hub.next_attempt_seconds) {
        detail += (detail.empty() ? "next in " : ", next in ") + human_duration(*hub.next_attempt_seconds);
    }
    if (!detail.empty()) phrase += " (" + detail + ")";
    if (!hub.last_error.empty()) phrase += ": " + excerpt(hub.last_error, 160);
    return phrase;
}

std::string pause_phrase(const PauseStatus& pause) {
    std::string phrase = pause.why;
    if (pause.left_seconds) phrase += " (" + human_duration(*pause.left_seconds) + " left)";
    return phrase + (pause.refuses ? "; commands are refused" : "; commands wait");
}

}  // namespace

void fill_from(Status& status, const CommandQueueMonitor& monitor, TimePoint now) {
    status.commands = monitor.counts();
    status.running.clear();
    for (auto& command : monitor.running()) {
        const double age = std::chrono::duration<double>(now - command.started).count();
        status.running.push_back(
            {std::move(command.id), std::move(command.name), std::max(age, 0.0), command.detached});
    }
    status.run_time = monitor.run_time();
    status.queue_time = monitor.queue_time();
    status.delivery_time = monitor.delivery_time();
    status.by_name = monitor.by_name();
}

Readiness readiness(const Status& status) {
    constexpr double kOldSeconds = 300;
    Readiness result;
    if (status.stopping) result.not_ready.push_back("the daemon is stopping");
    if (status.hub.state != ConnectionState::connected) result.not_ready.push_back(hub_phrase(status.hub));
    if (!status.outbox.writable) result.not_ready.push_back("the outbox cannot be written");

    const auto oldest = status.outbox.oldest_age_seconds.value_or(0);
    if (status.outbox.pending > 0 && oldest > kOldSeconds) {
        result.degraded.push_back("the oldest undelivered result waits for " + human_duration(oldest));
    }
    if (status.delivery.channel == ChannelState::parked) {
        std::string why = "the result server refuses this client";
        if (!status.delivery.last_error.empty()) why += ": " + status.delivery.last_error;
        result.degraded.push_back(std::move(why));
    }
    if (const auto lost = status.delivery.lost; lost > 0) {
        result.degraded.push_back(std::to_string(lost) + (lost == 1 ? " result was lost" : " results were lost") +
                                  ": the log says why");
    }
    if (status.outbox.dead_letters > 0) {
        const auto count = status.outbox.dead_letters;
        result.degraded.push_back(std::to_string(count) + (count == 1 ? " dead letter" : " dead letters") +
                                  " in the outbox");
    }
    if (status.outbox.ballast_present == false) {
        result.degraded.push_back("the outbox's reserve for a full disk is not there");
    }
    if (status.chat && !status.chat->storage_problem.empty()) {
        result.degraded.push_back("the assistant's conversations: " + status.chat->storage_problem);
    }
    if (status.pause) result.degraded.push_back(pause_phrase(*status.pause));
    if (status.last_reload_succeeded == false) result.degraded.push_back("the last reload was refused");
    result.degraded.insert(result.degraded.end(), status.extra_degraded.begin(), status.extra_degraded.end());
    return result;
}

std::string status_line(const Status& status) {
    std::string line = status.stopping ? "Stopping; " : "";
    if (status.pause) line += pause_phrase(*status.pause) + "; ";
    line += hub_phrase(status.hub) + "; " + std::to_string(status.commands.active + status.commands.detached) +
            " running, " + std::to_string(status.commands.queued) + " queued, " +
            std::to_string(status.outbox.pending) + " undelivered";
    if (status.outbox.pending > 0 && status.outbox.oldest_age_seconds) {
        line += " (oldest " + human_duration(*status.outbox.oldest_age_seconds) + ")";
    }
    return line;
}

}  // namespace jiro::monitor
