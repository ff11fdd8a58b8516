// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/monitor/status.hpp"
#include "monitor/status_reader.hpp"
#include "monitor/text.hpp"

namespace jiro::monitor {
namespace {

constexpr std::size_t kShownRows = 20;

std::string heading(const StatusReader& status) {
    std::string line = "jiro-client " + status.text("version");
    if (const auto uptime = status.number("uptimeSeconds")) line += ", up " + human_duration(*uptime);
    if (const auto instance = status.text("instanceId"); !instance.empty()) line += ", instance " + instance;
    return line + (status.flag("stopping", false) ? ", stopping\n" : "\n");
}

std::string last_error_line(const StatusReader& part) {
    const auto error = part.text("lastError");
    return error.empty() ? std::string() : "           last error: " + error + "\n";
}

std::string hub_lines(const StatusReader& status) {
    std::string line = "Hub        " + status.text("state");
    if (const auto url = status.text("hubUrl"); !url.empty()) line += ", " + url;
    if (const auto id = status.text("connectionId"); !id.empty()) line += ", connection " + id;
    if (const auto age = status.number("lastFrameAgeSeconds")) line += ", last frame " + human_duration(*age) + " ago";
    const auto attempt = status.number("attempt").value_or(0);
    if (attempt > 0) line += ", attempt " + status.count("attempt");
    if (const auto next = status.number("nextAttemptSeconds")) line += ", next in " + human_duration(*next);
    return line + "\n" + last_error_line(status);
}

std::string request_line(const StatusReader& status) {
    const auto& allowed = StatusReader(status.child("hubRequests")).child("allowed");
    if (!allowed.is_array()) return {};
    std::string names;
    for (const auto& name : allowed) {
        if (name.is_string()) names += (names.empty() ? "" : ", ") + escaped(name.get_ref<const std::string&>());
    }
    return "Requests   " + (names.empty() ? std::string("the hub may ask nothing") : "the hub may ask: " + names) +
           '\n';
}

std::string command_line(const StatusReader& status) {
    std::string lines = "Commands   " + status.count("activeCommandCount") + " running, " +
                        status.count("queuedCommands") + " queued, " + status.count("detachedCommands") +
                        " detached; " + status.count("totalCommandsProcessed") +
                        " processed: " + status.count("successfulCommands") + " succeeded, " +
                        status.count("failedCommands") + " failed";
    if (const auto rate = status.number("successRate")) {
        const auto per_mille = static_cast<long long>(*rate * 1000 + 0.5);
        lines += " (" + std::to_string(per_mille / 10) + "." + std::to_string(per_mille % 10) + " % success)";
    }
    lines += "; " + status.count("rejectedCommands") + " rejected\n";
    return lines;
}

std::string running_lines(const StatusReader& status) {
    std::string lines;
    const auto& running = status.child("running");
    if (!running.is_array()) return lines;
    std::size_t shown = 0;
    for (const auto& item : running) {
        if (++shown > kShownRows)
            return lines + "           ... " + std::to_string(running.size() - kShownRows) + " more\n";
        const StatusReader command(item);
        lines += "           " + command.text("id") + "  " + command.text("name") + "  " +
                 human_duration(command.number("ageSeconds").value_or(0)) +
                 (command.flag("detached", false) ? "  detached\n" : "\n");
    }
    return lines;
}

std::string delivery_lines(const StatusReader& status) {
    const StatusReader outbox(status.child("outbox"));
    std::string lines = "Outbox     " + outbox.count("pending") + " undelivered";
    if (const auto age = outbox.number("oldestAgeSeconds")) lines += " (oldest " + human_duration(*age) + ")";
    lines += ", " + outbox.count("deadLetters") + " dead letters";
    if (const auto bytes = outbox.number("bytes"); bytes && *bytes >= 0 && *bytes < 1e18) {
        lines += ", " + human_bytes(static_cast<std::uint64_t>(*bytes));
    }
    lines += outbox.flag("writable", true) ? "\n" : ", NOT WRITABLE\n";

    const StatusReader delivery(status.child("delivery"));
    lines += "Delivery   " + delivery.count("delivered") + " delivered, " + delivery.count("attempts") + " attempts, " +
             delivery.count("retries") + " retries";
    if (delivery.number("lost").value_or(0) > 0) lines += ", " + delivery.count("lost") + " LOST";
    if (const auto channel = delivery.text("channel"); !channel.empty()) lines += ", channel " + channel;
    return lines + "\n" + last_error_line(delivery);
}

std::string chat_lines(const StatusReader& status) {
    if (!status.child("chat").is_object()) return {};
    const StatusReader chat(status.child("chat"));
    std::string lines = "Chat       " + chat.text("model") + ": " + chat.count("answered") + " answered, " +
                        chat.count("failed") + " failed, " + chat.count("running") + " running, " +
                        chat.count("promptTokens") + " tokens in, " + chat.count("completionTokens") + " out";
    if (const auto first = chat.number("lastFirstTokenSeconds")) lines += ", first token " + short_duration(*first);
    lines += "\n" + last_error_line(chat);
    if (const auto problem = chat.text("storageProblem"); !problem.empty()) lines += "           " + problem + "\n";
    return lines;
}

std::string health_lines(const StatusReader& status) {
    std::string lines = std::string("Health     ") + (status.flag("ready", false) ? "ready\n" : "not ready\n");
    for (const char* member : {"notReady", "degraded"}) {
        const auto& reasons = status.child(member);
        if (!reasons.is_array()) continue;
        for (const auto& reason : reasons) {
            if (!reason.is_string()) continue;
            lines += "           " + std::string(member == std::string_view("degraded") ? "degraded: " : "") +
                     escaped(reason.get_ref<const std::string&>()) + "\n";
        }
    }
    return lines;
}

std::string error_lines(const StatusReader& status) {
    const auto& errors = status.child("recentErrors");
    if (!errors.is_array() || errors.empty()) return {};
    std::string lines = "Last errors\n";
    std::size_t shown = 0;
    for (const auto& item : errors) {
        if (++shown > kShownRows) break;
        const StatusReader entry(item);
        lines += "  " + entry.text("time") + "  " + entry.text("component") + ": " + entry.text("message") + "\n";
    }
    return lines;
}

// Nothing to compare with at first, and after the daemon was started anew.
std::string rate_line(const StatusReader& now, const StatusReader& before, double seconds) {
    const bool is_same_process =
        now.number("uptimeSeconds").value_or(0) >= before.number("uptimeSeconds").value_or(1e300);
    const auto rate = [&](const StatusReader& later, const StatusReader& earlier, const char* member) {
        const auto end = later.number(member);
        const auto begin = earlier.number(member);
        if (!is_same_process || !(seconds > 0) || !end || !begin) return std::string("-");
        return decimal(std::max(0.0, *end - *begin) / seconds, 1) + "/s";
    };
    return "Rates      " + rate(now, before, "receivedCommands") + " received, " +
           rate(now, before, "totalCommandsProcessed") + " processed, " +
           rate(StatusReader(now.child("delivery")), StatusReader(before.child("delivery")), "delivered") +
           " delivered, " +
           rate(StatusReader(now.child("delivery")), StatusReader(before.child("delivery")), "attempts") + " calls\n";
}

std::string latency_lines(const StatusReader& status) {
    const StatusReader latency(status.child("latency"));
    std::string lines;
    for (const char* what : {"run", "queue", "delivery"}) {
        const StatusReader times(latency.child(what));
        lines += lines.empty() ? "Latency    " : "           ";
        lines += std::string(what) + std::string(9 - std::string_view(what).size(), ' ');
        for (const auto& [name, member] :
             {std::pair{"p50", "p50Seconds"}, std::pair{"p95", "p95Seconds"}, std::pair{"p99", "p99Seconds"}}) {
            const auto seconds = times.number(member);
            lines += std::string(" ") + name + " " + (seconds ? short_duration(*seconds) : "-");
        }
        lines += ", " + times.count("count") + " in all\n";
    }
    return lines;
}

std::string call_line(const StatusReader& status) {
    const auto& calls = StatusReader(status.child("delivery")).child("attemptsByStatus");
    if (!calls.is_object() || calls.empty()) return {};
    std::string line;
    for (const auto& [name, count] : calls.items())
        line += (line.empty() ? "           calls: " : ", ") + escaped(name) + " " +
                (count.is_number() ? count.dump() : "?");
    return line + "\n";
}

}  // namespace

Result<std::string> status_table(std::string_view json) {
    const auto parsed = parse_status(json);
    if (!parsed) return parsed.error();
    const StatusReader status(*parsed);
    return heading(status) + hub_lines(status) + request_line(status) + command_line(status) + running_lines(status) +
           delivery_lines(status) + chat_lines(status) + health_lines(status) + error_lines(status);
}

Result<std::string> status_view(std::string_view json, const std::optional<EarlierStatus>& earlier) {
    const auto parsed = parse_status(json);
    if (!parsed) return parsed.error();
    const auto before = earlier ? json_or_null(earlier->json) : nlohmann::json();
    const StatusReader status(*parsed);
    return heading(status) + hub_lines(status) + command_line(status) +
           rate_line(status, StatusReader(before), earlier ? earlier->seconds_ago : 0) + latency_lines(status) +
           running_lines(status) + delivery_lines(status) + call_line(status) + chat_lines(status) +
           health_lines(status) + error_lines(status);
}

}  // namespace jiro::monitor
