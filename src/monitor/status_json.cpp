#include <cmath>
#include <nlohmann/json.hpp>

#include "jiro/monitor/status.hpp"

namespace jiro::monitor {
namespace {

using Json = nlohmann::ordered_json;  // members in the order of docs/monitoring.md

// Milliseconds are enough, and keep the numbers short.
double rounded(double value) { return std::isfinite(value) ? std::round(value * 1000) / 1000 : 0; }

Json seconds_or_null(const std::optional<double>& value) { return value ? Json(rounded(*value)) : Json(nullptr); }

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json latency_json(const HistogramReading& reading) {
    return {{"count", reading.count()},
            {"sumSeconds", rounded(reading.sum_seconds)},
            {"p50Seconds", rounded(reading.quantile_seconds(0.5))},
            {"p95Seconds", rounded(reading.quantile_seconds(0.95))},
            {"p99Seconds", rounded(reading.quantile_seconds(0.99))}};
}

Json counts_json(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    Json object = Json::object();
    for (const auto& [name, count] : counts) object[name] = count;
    return object;
}

void add_hub(Json& json, const HubStatus& hub) {
    json["state"] = name_of(hub.state);
    json["connectionId"] = text_or_null(hub.connection_id);
    json["hubUrl"] = hub.url;
    json["lastError"] = text_or_null(hub.last_error);
    json["attempt"] = hub.attempt;
    json["nextAttemptSeconds"] = seconds_or_null(hub.next_attempt_seconds);
    json["lastFrameAgeSeconds"] = seconds_or_null(hub.last_frame_age_seconds);
    json["connectedSeconds"] = seconds_or_null(hub.connected_seconds);
    json["reconnects"] = counts_json(hub.reconnects_by_cause);
}

void add_commands(Json& json, const Status& status) {
    const auto& counts = status.commands;
    json["activeCommandCount"] = counts.active;
    Json ids = Json::array();
    Json running = Json::array();
    for (const auto& command : status.running) {
        if (!command.detached) ids.push_back(command.id);
        running.push_back({{"id", command.id},
                           {"name", command.name},
                           {"ageSeconds", rounded(command.age_seconds)},
                           {"detached", command.detached}});
    }
    json["activeCommandIds"] = std::move(ids);
    json["totalCommandsProcessed"] = counts.processed();
    json["successfulCommands"] = counts.successful;
    json["failedCommands"] = counts.failed;
    const auto rate = counts.success_rate();
    json["successRate"] = rate ? Json(*rate) : Json(nullptr);
    json["receivedCommands"] = counts.received;
    json["queuedCommands"] = counts.queued;
    json["detachedCommands"] = counts.detached;
    json["rejectedCommands"] = counts.rejected;
    json["duplicateCommands"] = counts.duplicates;
    json["deferredCommands"] = counts.deferred;
    json["running"] = std::move(running);
    json["latency"] = {{"run", latency_json(status.run_time)},
                       {"queue", latency_json(status.queue_time)},
                       {"delivery", latency_json(status.delivery_time)}};
}

void add_delivery(Json& json, const OutboxStatus& outbox, const DeliveryStatus& delivery) {
    json["outbox"] = {{"pending", outbox.pending},
                      {"deadLetters", outbox.dead_letters},
                      {"oldestAgeSeconds", seconds_or_null(outbox.oldest_age_seconds)},
                      {"bytes", outbox.bytes},
                      {"writable", outbox.writable},
                      {"storageErrors", outbox.storage_errors}};
    json["delivery"] = {{"delivered", delivery.delivered},
                        {"attempts", delivery.attempts},
                        {"retries", delivery.retries},
                        {"lastError", text_or_null(delivery.last_error)},
                        {"channel", name_of(delivery.channel)},
                        {"nextAttemptSeconds", seconds_or_null(delivery.next_attempt_seconds)},
                        {"attemptsByStatus", counts_json(delivery.attempts_by_status)}};
}

}  // namespace

std::string status_json(const Status& status) {
    Json json = Json::object();
    json["version"] = status.version;
    json["instanceId"] = text_or_null(status.instance_id);
    json["uptimeSeconds"] = rounded(status.uptime_seconds);
    add_hub(json, status.hub);
    add_commands(json, status);
    add_delivery(json, status.outbox, status.delivery);

    const auto health = readiness(status);
    json["stopping"] = status.stopping;
    json["ready"] = health.ready();
    json["notReady"] = health.not_ready;
    json["degraded"] = health.degraded;
    Json errors = Json::array();
    for (const auto& entry : status.recent_errors) {
        errors.push_back({{"time", entry.time}, {"component", entry.component}, {"message", entry.message}});
    }
    json["recentErrors"] = std::move(errors);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace jiro::monitor
