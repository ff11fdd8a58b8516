// SPDX-License-Identifier: MIT
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "jiro/base/utf8.hpp"
#include "jiro/monitor/status.hpp"

namespace jiro::monitor {
namespace {

std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::string(text.data(), end) : "NaN";
}

std::string escaped_label(std::string_view value) {
    std::string escaped;
    for (const char c : to_utf8(value)) {
        if (c == '\\' || c == '"') {
            escaped += '\\';
            escaped += c;
        } else if (c == '\n') {
            escaped += "\\n";
        } else {
            escaped += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
        }
    }
    return escaped;
}

using Label = std::pair<std::string_view, std::string_view>;

class Writer {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(type) + "\n";
    }

    void sample(double value, std::initializer_list<Label> labels = {}, std::string_view suffix = {}) {
        text_ += name_;
        text_ += suffix;
        char separator = '{';
        for (const auto& [label, content] : labels) {
            text_ += separator + std::string(label) + "=\"" + escaped_label(content) + "\"";
            separator = ',';
        }
        if (separator == ',') text_ += '}';
        text_ += " " + number_text(value) + "\n";
    }
    void sample(std::uint64_t value, std::initializer_list<Label> labels = {}, std::string_view suffix = {}) {
        sample(static_cast<double>(value), labels, suffix);
    }

    template <typename Value>
    void gauge(std::string_view name, std::string_view help, Value value) {
        family(name, "gauge", help);
        sample(static_cast<double>(value));
    }

    // Nothing where there is no value.
    template <typename Value>
    void gauge(std::string_view name, std::string_view help, const std::optional<Value>& value) {
        if (value) gauge(name, help, *value);
    }

    // 1 for the state that it is in, 0 for the others.
    void gauge(std::string_view name, std::string_view help, const auto& names, auto state) {
        family(name, "gauge", help);
        for (std::size_t i = 0; i < names.size(); ++i) {
            sample(i == static_cast<std::size_t>(state) ? 1.0 : 0.0, {{"state", names[i]}});
        }
    }

    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        family(name, "counter", help);
        sample(value);
    }

    void histogram(std::string_view name, std::string_view help, const HistogramReading& reading) {
        family(name, "histogram", help);
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i < reading.buckets.size(); ++i) {
            cumulative += reading.buckets[i];
            const std::string bound = i < kBucketSeconds.size() ? number_text(kBucketSeconds[i]) : "+Inf";
            sample(cumulative, {{"le", bound}}, "_bucket");
        }
        sample(reading.sum_seconds, {}, "_sum");
        sample(cumulative, {}, "_count");
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    std::string name_;
    std::string text_;
};

void write_process(Writer& out, const Status& status) {
    out.family("jiro_build_info", "gauge", "Always 1; the version is in the label.");
    out.sample(1.0, {{"version", status.version}});
    out.gauge("jiro_uptime_seconds", "Time since the daemon started.", status.uptime_seconds);
    const auto health = readiness(status);
    out.gauge("jiro_ready", "1 when connected, accepting and the outbox is writable.", health.ready());
    out.gauge("jiro_paused", "1 while no command starts, by an operator's order or a held file.",
              status.pause.has_value());
    out.gauge("jiro_degraded", "1 when an operator should look; the reasons are in /status.", !health.degraded.empty());
    out.counter("jiro_log_lines_dropped_total", "Log lines that did not fit into the queue.", status.log_lines_dropped);
    out.gauge("jiro_config_last_reload_successful", "1 when the last reload was taken.", status.last_reload_succeeded);
    out.gauge("jiro_config_last_reload_timestamp_seconds", "When the last reload was asked for.",
              status.last_reload_unix_seconds);
}

void write_hub(Writer& out, const HubStatus& hub) {
    out.gauge("jiro_hub_connected", "1 while the hub connection stands.", hub.state == ConnectionState::connected);
    out.gauge("jiro_hub_state", "1 for the state that the hub connection is in.", kConnectionStateNames, hub.state);
    out.family("jiro_hub_reconnects_total", "counter", "Times that the hub connection was lost, by cause.");
    for (const auto& [cause, count] : hub.reconnects_by_cause) out.sample(count, {{"cause", cause}});
    out.gauge("jiro_hub_last_frame_age_seconds", "Time since anything came from the hub.", hub.last_frame_age_seconds);
}

void write_requests(Writer& out, const RequestsStatus& requests) {
    out.family("jiro_hub_requests_total", "counter", "Requests of the hub beside commands, by target and outcome.");
    for (const auto& [target, outcome, count] : requests.counts) {
        out.sample(count, {{"target", target}, {"outcome", outcome}});
    }
    out.gauge("jiro_hub_streams", "Streams to the hub that are under way.", requests.streams);
}

void write_commands(Writer& out, const Status& status) {
    const auto& counts = status.commands;
    out.counter("jiro_commands_received_total", "Commands taken into the journal.", counts.received + counts.deferred);
    out.family("jiro_commands_total", "counter", "Commands that ended, by command and outcome.");
    for (const auto& [name, figures] : status.by_name) {
        const auto& outcomes = figures.outcomes;
        for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
            if (outcomes[i] == 0) continue;
            out.sample(outcomes[i], {{"command", name}, {"outcome", kOutcomeNames[i]}});
        }
    }
    out.gauge("jiro_commands_queued", "Commands that wait to run.", counts.queued);
    out.family("jiro_commands_running", "gauge", "Commands that run, attached to the connection or detached from it.");
    out.sample(counts.active, {{"connection", "attached"}});
    out.sample(counts.detached, {{"connection", "detached"}});
    out.family("jiro_commands_rejected_total", "counter", "Command messages that were not taken, by reason.");
    for (std::size_t i = 0; i < kRejectionNames.size(); ++i) {
        out.sample(counts.by_rejection[i], {{"reason", kRejectionNames[i]}});
    }
    out.histogram("jiro_command_run_seconds", "How long commands ran.", status.run_time);
    out.histogram("jiro_command_queue_seconds", "How long commands waited before they ran.", status.queue_time);
}

void write_outbox(Writer& out, const OutboxStatus& outbox) {
    out.family("jiro_outbox_rows", "gauge", "Results in the outbox, by state.");
    out.sample(outbox.pending, {{"state", "pending"}});
    out.sample(outbox.dead_letters, {{"state", "dead"}});
    out.gauge("jiro_outbox_bytes", "Size of what the outbox holds.", outbox.bytes);
    out.gauge("jiro_outbox_oldest_undelivered_seconds", "Age of the oldest undelivered result; 0 when there is none.",
              outbox.oldest_age_seconds.value_or(0));
    out.gauge("jiro_outbox_writable", "1 when the outbox can be written.", outbox.writable);
    out.counter("jiro_outbox_storage_errors_total", "Failed operations of the outbox's storage.",
                outbox.storage_errors);
    out.gauge("jiro_outbox_ballast_present", "1 when the reserve for a full disk is there.", outbox.ballast_present);
}

void write_delivery(Writer& out, const Status& status) {
    const auto& delivery = status.delivery;
    out.counter("jiro_results_delivered_total", "Results that the server confirmed.", delivery.delivered);
    out.counter("jiro_results_lost_total",
                "Results that could be neither stored nor kept in memory, or went with the file of the outbox.",
                delivery.lost);
    out.counter("jiro_delivery_retries_total", "Attempts to send a result that was tried before.", delivery.retries);
    out.family("jiro_delivery_attempts_total", "counter", "Attempts to send a result, by gRPC status.");
    for (const auto& [name, count] : delivery.attempts_by_status) out.sample(count, {{"status", name}});
    out.gauge("jiro_delivery_channel_state", "1 for the state that the channel to the result server is in.",
              kChannelStateNames, delivery.channel);
    out.histogram("jiro_delivery_seconds", "From a command's end to the server's confirmation.", status.delivery_time);
}

void write_chat(Writer& out, const ChatStatus& chat) {
    out.family("jiro_chat_questions_total", "counter", "Questions to the assistant that ended, by how.");
    out.sample(chat.answered, {{"error", "none"}});
    for (const auto& [error, count] : chat.failed_by_error) out.sample(count, {{"error", error}});
    out.gauge("jiro_chat_running", "Questions that are being answered.", chat.running);
    out.family("jiro_chat_tokens_total", "counter", "Tokens of the model, by direction.");
    out.sample(chat.prompt_tokens, {{"direction", "in"}});
    out.sample(chat.completion_tokens, {{"direction", "out"}});
    out.counter("jiro_chat_tool_calls_total", "Tools that the model called, also those that do not exist.",
                chat.tool_calls);
    out.gauge("jiro_chat_last_first_token_seconds", "Time to the first token of the latest answer.",
              chat.last_first_token_seconds);
    out.gauge("jiro_chat_last_tokens_per_second", "Tokens a second of the latest answer, once it had begun.",
              chat.last_tokens_per_second);
    out.gauge("jiro_chat_last_answer_seconds", "Time of the latest question with its answer.", chat.last_seconds);
}

}  // namespace

std::string prometheus_text(const Status& status) {
    Writer out;
    write_process(out, status);
    write_hub(out, status.hub);
    write_requests(out, status.requests);
    write_commands(out, status);
    write_outbox(out, status.outbox);
    write_delivery(out, status);
    if (status.chat) write_chat(out, *status.chat);
    return out.take();
}

}  // namespace jiro::monitor
