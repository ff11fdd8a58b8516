// SPDX-License-Identifier: MIT
#pragma once
// What the daemon says about itself at one moment, and the forms in which it says it. The daemon fills a Status on the
// event loop (StatusServer asks for one per request); everything below is pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/connection_state.hpp"
#include "jiro/base/error.hpp"
#include "jiro/model/channel_state.hpp"
#include "jiro/model/delivery_state.hpp"
#include "jiro/monitor/command_queue_monitor.hpp"

namespace jiro::monitor {

struct HubStatus {
    ConnectionState state = ConnectionState::disconnected;
    std::string connection_id;
    std::string url;  // redacted
    std::string last_error;
    int attempt = 0;                               // of the attempt under way or planned; 0 when connected
    std::optional<double> next_attempt_seconds;    // until the planned attempt
    std::optional<double> last_frame_age_seconds;  // since anything came from the hub
    std::optional<double> connected_seconds;       // since this connection stands
    std::vector<std::pair<std::string, std::uint64_t>> reconnects_by_cause;  // a small fixed set of causes
};

struct OutboxStatus {
    std::uint64_t pending = 0;  // results that the server has not confirmed
    std::uint64_t dead_letters = 0;
    std::optional<double> oldest_age_seconds;  // of the oldest pending result
    std::uint64_t bytes = 0;
    bool writable = true;
    std::uint64_t storage_errors = 0;
    std::optional<bool> ballast_present;  // nothing: this outbox has no ballast file
};

struct DeliveryStatus {
    std::uint64_t delivered = 0;
    std::uint64_t attempts = 0;
    std::uint64_t retries = 0;
    std::uint64_t lost = 0;  // results that found room nowhere
    std::string last_error;
    ChannelState channel = ChannelState::open;
    std::optional<double> next_attempt_seconds;
    std::vector<std::pair<std::string, std::uint64_t>> attempts_by_status;  // by gRPC status name
};

// The assistant's, when there is one.
struct ChatStatus {
    std::string model;
    std::uint64_t running = 0;
    std::uint64_t answered = 0;
    std::vector<std::pair<std::string, std::uint64_t>> failed_by_error;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t tool_calls = 0;
    std::optional<double> last_first_token_seconds;  // of the latest question
    std::optional<double> last_tokens_per_second;
    std::optional<double> last_seconds;
    std::string last_error;
    std::string storage_problem;  // of the conversations

    [[nodiscard]] std::uint64_t failed() const {
        std::uint64_t sum = 0;
        for (const auto& [error, count] : failed_by_error) sum += count;
        return sum;
    }
};

// No command starts.
struct PauseStatus {
    std::string why;
    bool refuses = false;  // what arrives; else it waits
    std::optional<double> left_seconds;
};

// What the hub asked beside commands.
struct RequestCount {
    std::string target;
    std::string outcome;  // "answered", "not_allowed", ...
    std::uint64_t count = 0;
};
struct RequestsStatus {
    std::vector<std::string> allowed;  // kinds of requests, as in Hub.Requests
    std::vector<RequestCount> counts;  // those of the usual outcome, and those that happened
    std::uint64_t streams = 0;         // under way
};

struct RunningStatus {
    std::string id;
    std::string name;
    double age_seconds = 0;
    bool detached = false;
};

struct EndedStatus {
    std::string id;
    std::string name;  // of a command of this machine; empty: its text named none
    Outcome outcome = Outcome::succeeded;
    double age_seconds = 0;  // since it ended
    double queue_seconds = 0;
    double run_seconds = 0;
    DeliveryState delivery = DeliveryState::waiting;
};
inline constexpr std::size_t kShownEnded = 50;

struct ErrorEntry {
    std::string time;  // RFC 3339, UTC
    std::string component;
    std::string message;
};

struct Status {
    std::string version;
    std::string instance_id;
    double uptime_seconds = 0;
    bool stopping = false;
    std::optional<PauseStatus> pause;
    HubStatus hub;
    RequestsStatus requests;
    CommandCounts commands;
    std::vector<RunningStatus> running;
    HistogramReading run_time;
    HistogramReading queue_time;
    HistogramReading delivery_time;
    CommandQueueMonitor::ByName by_name;
    std::vector<EndedStatus> ended;  // the newest first
    OutboxStatus outbox;
    DeliveryStatus delivery;
    std::optional<ChatStatus> chat;
    std::vector<ErrorEntry> recent_errors;      // newest first
    std::optional<bool> last_reload_succeeded;  // nothing: never reloaded
    std::optional<double> last_reload_unix_seconds;
    std::uint64_t log_lines_dropped = 0;
    std::vector<std::string> extra_degraded;  // what the daemon knows and this page cannot derive
};

// Copies counts, running commands and histograms of `monitor` into `status`. The event loop only.
void fill_from(Status& status, const CommandQueueMonitor& monitor, TimePoint now);

// One line of JSON; the members of docs/monitoring.md. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string status_json(const Status& status);

// Prometheus text format 0.0.4.
[[nodiscard]] std::string prometheus_text(const Status& status);

// A short table for people. Takes the text of /status, since the command line tool reads it from another process;
// members that are missing are left out. Escapes control characters. An error when it is not an object.
[[nodiscard]] Result<std::string> status_table(std::string_view json);

// The commands that ended last, as a table or as a JSON array; and the figures by name of a command. Of the same text,
// with the same promises; an error also when the daemon is of a version that does not say it.
struct EndedFilter {
    std::string name{};     // empty: any
    std::string outcome{};  // empty: any
    bool failed = false;    // any outcome but `succeeded`
    bool undelivered = false;
};
[[nodiscard]] Result<std::string> ended_table(std::string_view json, const EndedFilter& filter);
[[nodiscard]] Result<std::string> ended_json(std::string_view json, const EndedFilter& filter);
[[nodiscard]] Result<std::string> by_name_table(std::string_view json);
[[nodiscard]] Result<std::string> by_name_json(std::string_view json);

// The same with rates since an earlier answer, latencies and calls by status: what `status --watch` draws.
struct EarlierStatus {
    std::string_view json;
    double seconds_ago = 0;
};
[[nodiscard]] Result<std::string> status_view(std::string_view json, const std::optional<EarlierStatus>& earlier);

struct Readiness {
    std::vector<std::string> not_ready;  // reasons; empty: ready
    std::vector<std::string> degraded;   // reasons; empty: all is well
    [[nodiscard]] bool ready() const { return not_ready.empty(); }
};

// Ready: connected, accepting, and the outbox writable. Degraded: an undelivered result older than 5 minutes, a parked
// channel, dead letters, missing ballast, or whatever the daemon adds.
[[nodiscard]] Readiness readiness(const Status& status);

// One line for sd_notify: "Connected to hub.example; 2 running, 0 queued, 3 undelivered (oldest 12 s)".
[[nodiscard]] std::string status_line(const Status& status);

}  // namespace jiro::monitor
