// SPDX-License-Identifier: MIT
#include <cmath>
#include <numeric>
#include <ranges>

#include "jiro/base/json_writer.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::monitor {
namespace {

// Milliseconds are enough, and keep the numbers short.
double rounded(double value) { return std::isfinite(value) ? std::round(value * 1000) / 1000 : 0; }

std::optional<double> seconds_or_null(const std::optional<double>& value) {
    return value ? std::optional(rounded(*value)) : std::nullopt;
}

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void write_latency(JsonWriter& json, const char* name, const HistogramReading& reading) {
    json.begin_object(name);
    json.member("count", reading.count());
    json.member("sumSeconds", rounded(reading.sum_seconds));
    json.member("p50Seconds", rounded(reading.quantile_seconds(0.5)));
    json.member("p95Seconds", rounded(reading.quantile_seconds(0.95)));
    json.member("p99Seconds", rounded(reading.quantile_seconds(0.99)));
    json.end_object();
}

void write_counts(JsonWriter& json, const char* name,
                  const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    json.begin_object(name);
    for (const auto& [counted, count] : counts) json.member(counted, count);
    json.end_object();
}

void write_hub(JsonWriter& json, const HubStatus& hub) {
    json.member("state", to_string(hub.state));
    json.member("connectionId", text_or_null(hub.connection_id));
    json.member("hubUrl", hub.url);
    json.member("lastError", text_or_null(hub.last_error));
    json.member("attempt", hub.attempt);
    json.member("nextAttemptSeconds", seconds_or_null(hub.next_attempt_seconds));
    json.member("lastFrameAgeSeconds", seconds_or_null(hub.last_frame_age_seconds));
    json.member("connectedSeconds", seconds_or_null(hub.connected_seconds));
    write_counts(json, "reconnects", hub.reconnects_by_cause);
}

void write_requests(JsonWriter& json, const RequestsStatus& requests) {
    json.begin_object("hubRequests");
    json.member("allowed", requests.allowed);
    const auto happened = [](const RequestCount& request) { return request.count > 0; };
    json.objects("counts", requests.counts | std::views::filter(happened), [&](const RequestCount& request) {
        json.member("target", request.target);
        json.member("outcome", request.outcome);
        json.member("count", request.count);
    });
    json.member("streams", requests.streams);
    json.end_object();
}

void write_running(JsonWriter& json, const Status& status) {
    json.objects("running", status.running, [&](const RunningStatus& command) {
        json.member("id", command.id);
        json.member("name", command.name);
        json.member("ageSeconds", rounded(command.age_seconds));
        json.member("detached", command.detached);
    });
}

void write_ended(JsonWriter& json, const Status& status) {
    json.objects("ended", status.ended, [&](const EndedStatus& command) {
        json.member("id", command.id);
        json.member("name", command.name);
        json.member("outcome", to_string(command.outcome));
        json.member("ageSeconds", rounded(command.age_seconds));
        json.member("queueSeconds", rounded(command.queue_seconds));
        json.member("runSeconds", rounded(command.run_seconds));
        json.member("delivery", to_string(command.delivery));
    });
}

void write_by_name(JsonWriter& json, const Status& status) {
    json.objects("byName", status.by_name, [&](const auto& command) {
        const auto& [name, figures] = command;
        const auto& outcomes = figures.outcomes;
        const auto count = std::accumulate(outcomes.begin(), outcomes.end(), std::uint64_t{0});
        const auto quantile = [&run_time = figures.run_time](double share) {
            return run_time.count() > 0 ? std::optional(rounded(run_time.quantile_seconds(share))) : std::nullopt;
        };
        json.member("name", name);
        json.member("count", count);
        json.member("failed", count - outcomes[static_cast<std::size_t>(Outcome::succeeded)]);
        json.member("p50Seconds", quantile(0.5));
        json.member("p95Seconds", quantile(0.95));
    });
}

void write_commands(JsonWriter& json, const Status& status) {
    const auto& counts = status.commands;
    json.member("activeCommandCount", counts.active);
    json.begin_array("activeCommandIds");
    for (const auto& command : status.running) {
        if (!command.detached) json.value(command.id);
    }
    json.end_array();
    json.member("totalCommandsProcessed", counts.processed());
    json.member("successfulCommands", counts.successful);
    json.member("failedCommands", counts.failed);
    json.member("successRate", counts.success_rate());
    json.member("receivedCommands", counts.received);
    json.member("queuedCommands", counts.queued);
    json.member("detachedCommands", counts.detached);
    json.member("rejectedCommands", counts.rejected);
    json.member("duplicateCommands", counts.duplicates);
    json.member("deferredCommands", counts.deferred);
    write_running(json, status);
    write_ended(json, status);
    write_by_name(json, status);
    json.begin_object("latency");
    write_latency(json, "run", status.run_time);
    write_latency(json, "queue", status.queue_time);
    write_latency(json, "delivery", status.delivery_time);
    json.end_object();
}

void write_delivery(JsonWriter& json, const OutboxStatus& outbox, const DeliveryStatus& delivery) {
    json.begin_object("outbox");
    json.member("pending", outbox.pending);
    json.member("deadLetters", outbox.dead_letters);
    json.member("oldestAgeSeconds", seconds_or_null(outbox.oldest_age_seconds));
    json.member("bytes", outbox.bytes);
    json.member("writable", outbox.writable);
    json.member("storageErrors", outbox.storage_errors);
    json.end_object();
    json.begin_object("delivery");
    json.member("delivered", delivery.delivered);
    json.member("attempts", delivery.attempts);
    json.member("retries", delivery.retries);
    json.member("lost", delivery.lost);
    json.member("lastError", text_or_null(delivery.last_error));
    json.member("channel", to_string(delivery.channel));
    json.member("nextAttemptSeconds", seconds_or_null(delivery.next_attempt_seconds));
    write_counts(json, "attemptsByStatus", delivery.attempts_by_status);
    json.end_object();
}

void write_chat(JsonWriter& json, const std::optional<ChatStatus>& chat) {
    json.key("chat");
    if (!chat) return json.null();
    json.begin_object();
    json.member("model", chat->model);
    json.member("running", chat->running);
    json.member("answered", chat->answered);
    json.member("failed", chat->failed());
    write_counts(json, "failedByError", chat->failed_by_error);
    json.member("promptTokens", chat->prompt_tokens);
    json.member("completionTokens", chat->completion_tokens);
    json.member("toolCalls", chat->tool_calls);
    json.member("lastFirstTokenSeconds", seconds_or_null(chat->last_first_token_seconds));
    json.member("lastSeconds", seconds_or_null(chat->last_seconds));
    json.member("lastTokensPerSecond", seconds_or_null(chat->last_tokens_per_second));
    json.member("lastError", text_or_null(chat->last_error));
    json.member("storageProblem", text_or_null(chat->storage_problem));
    json.end_object();
}

void write_health(JsonWriter& json, const Status& status) {
    const auto health = readiness(status);
    json.member("stopping", status.stopping);
    json.key("paused");
    if (status.pause) {
        json.begin_object();
        json.member("why", status.pause->why);
        json.member("refuses", status.pause->refuses);
        json.member("leftSeconds", seconds_or_null(status.pause->left_seconds));
        json.end_object();
    } else {
        json.null();
    }
    json.member("ready", health.ready());
    json.member("notReady", health.not_ready);
    json.member("degraded", health.degraded);
    json.objects("recentErrors", status.recent_errors, [&](const ErrorEntry& entry) {
        json.member("time", entry.time);
        json.member("component", entry.component);
        json.member("message", entry.message);
    });
}

}  // namespace

// The members in the order of docs/monitoring.md.
std::string status_json(const Status& status) {
    JsonWriter json;
    json.begin_object();
    json.member("version", status.version);
    json.member("instanceId", text_or_null(status.instance_id));
    json.member("uptimeSeconds", rounded(status.uptime_seconds));
    write_hub(json, status.hub);
    write_requests(json, status.requests);
    write_commands(json, status);
    write_delivery(json, status.outbox, status.delivery);
    write_chat(json, status.chat);
    write_health(json, status);
    json.end_object();
    return std::move(json).take();
}

}  // namespace jiro::monitor
