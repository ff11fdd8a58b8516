// SPDX-License-Identifier: MIT
#include "jiro/monitor/status.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "jiro/monitor/errors.hpp"
#include "monitor/text.hpp"
#include "status_builder.hpp"

namespace jiro::monitor {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string documentation() {
    std::ifstream file(JIRO_MONITORING_DOC);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Every member that the design names, with its value.
TEST(StatusJson, has_the_members_of_the_design) {
    const auto status = json::parse(status_json(connected_status()));

    EXPECT_EQ(status["version"], "1.2.3");
    EXPECT_EQ(status["uptimeSeconds"], 7980.123);
    EXPECT_EQ(status["state"], "Connected");
    EXPECT_EQ(status["connectionId"], "conn-1");
    EXPECT_EQ(status["hubUrl"], "https://hub.example/instanceHub");
    EXPECT_TRUE(status["lastError"].is_null());
    EXPECT_EQ(status["activeCommandCount"], 1);
    EXPECT_EQ(status["activeCommandIds"], json::array({"cmd-1"}));
    EXPECT_EQ(status["totalCommandsProcessed"], 7);
    EXPECT_EQ(status["successfulCommands"], 5);
    EXPECT_EQ(status["failedCommands"], 2);
    EXPECT_DOUBLE_EQ(status["successRate"], 5.0 / 7.0);
    EXPECT_EQ(status["receivedCommands"], 10);
    EXPECT_EQ(status["queuedCommands"], 1);
    EXPECT_EQ(status["detachedCommands"], 1);
    EXPECT_EQ(status["rejectedCommands"], 3);
    EXPECT_EQ(status["outbox"]["pending"], 3);
    EXPECT_EQ(status["outbox"]["deadLetters"], 0);
    EXPECT_EQ(status["outbox"]["oldestAgeSeconds"], 12.0);
    EXPECT_EQ(status["outbox"]["bytes"], 12595);
    EXPECT_EQ(status["outbox"]["writable"], true);
    EXPECT_EQ(status["delivery"]["delivered"], 4);
    EXPECT_EQ(status["delivery"]["attempts"], 6);
    EXPECT_EQ(status["delivery"]["retries"], 2);
    EXPECT_TRUE(status["delivery"]["lastError"].is_null());
    EXPECT_EQ(status["running"][1]["detached"], true);
    EXPECT_EQ(status["ready"], true);
    EXPECT_EQ(status["hubRequests"], json::parse(R"({"allowed": ["commands", "sessions"], "streams": 1,
        "counts": [{"target": "RemoveSession", "outcome": "busy", "count": 3}]})"));
}

// The success rate of nothing is null; so is everything that is not known yet.
TEST(StatusJson, says_null_where_there_is_nothing) {
    const auto status = json::parse(status_json(Status{}));

    EXPECT_TRUE(status["successRate"].is_null());
    EXPECT_TRUE(status["connectionId"].is_null());
    EXPECT_TRUE(status["lastFrameAgeSeconds"].is_null());
    EXPECT_TRUE(status["outbox"]["oldestAgeSeconds"].is_null());
    EXPECT_EQ(status["activeCommandIds"], json::array());
}

// Whatever bytes a command carries, the answer is valid JSON on one line.
TEST(StatusJson, survives_bytes_that_are_not_utf8) {
    auto status = connected_status();
    status.running[0].id = "\xff\xfe\n\"";
    status.hub.last_error = std::string("a\0b\x80", 4);
    const auto text = status_json(status);

    EXPECT_THAT(text, Not(HasSubstr("\n")));
    EXPECT_TRUE(json::accept(text));
}

// Each member is explained in docs/monitoring.md.
TEST(StatusJson, is_documented) {
    const auto text = documentation();
    const auto expect_documented = [&](const json& object, const std::string& prefix) {
        for (const auto& [name, value] : object.items()) {
            EXPECT_THAT(text, HasSubstr("`" + prefix + name + "`"));
        }
    };
    const auto status = json::parse(status_json(connected_status()));
    expect_documented(status, "");
    expect_documented(status["outbox"], "outbox.");
    expect_documented(status["delivery"], "delivery.");
}

std::set<std::string> families(const std::string& metrics) {
    std::set<std::string> names;
    const std::regex type("# TYPE (\\S+) ");
    for (std::sregex_iterator i(metrics.begin(), metrics.end(), type), end; i != end; ++i) names.insert((*i)[1]);
    return names;
}

Status status_with_everything() {
    auto status = connected_status();
    status.last_reload_succeeded = true;
    status.last_reload_unix_seconds = 1.7e9;
    ChatStatus chat;
    chat.model = "a model";
    chat.failed_by_error = {{"timeout", 2}};
    chat.last_first_token_seconds = 0.5;
    chat.last_seconds = 2;
    chat.last_tokens_per_second = 31.5;
    status.chat = chat;
    return status;
}

// The metrics table of docs/monitoring.md names what the code prints, all of it and nothing else.
TEST(PrometheusText, is_documented) {
    const auto text = documentation();
    std::set<std::string> documented;
    const std::regex row("\n\\| `(jiro_[a-z_]+)");
    for (std::sregex_iterator i(text.begin(), text.end(), row), end; i != end; ++i) documented.insert((*i)[1]);

    EXPECT_EQ(documented, families(prometheus_text(status_with_everything())));
}

// Families appear once, with HELP and TYPE before their samples, and every line has the text format's shape.
TEST(PrometheusText, has_the_shape_of_the_text_format) {
    std::istringstream metrics(prometheus_text(status_with_everything()));
    const std::regex sample(
        "[a-z_]+(\\{[a-z]+=\"([^\"\\\\\n]|\\\\.)*\"(,[a-z]+=\"([^\"\\\\\n]|\\\\.)*\")*\\})? [-+0-9.eInfNa]+");
    std::set<std::string> seen;
    std::string family;
    for (std::string line; std::getline(metrics, line);) {
        if (line.starts_with("# HELP ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(seen.insert(family).second) << family << " appears twice";
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(line.starts_with("# TYPE " + family + " "));
        } else {
            EXPECT_TRUE(std::regex_match(line, sample)) << line;
            EXPECT_TRUE(line.starts_with(family)) << line;
        }
    }
    EXPECT_GT(seen.size(), 20u);
}

// Spot checks of values, of cumulative buckets and of escaping.
TEST(PrometheusText, prints_values_buckets_and_escaped_labels) {
    auto status = connected_status();
    status.version = "a\"b\\c\nd\x80";
    const auto text = prometheus_text(status);

    EXPECT_THAT(text, HasSubstr("jiro_build_info{version=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("jiro_hub_connected 1\n"));
    EXPECT_THAT(text, HasSubstr("jiro_hub_state{state=\"Reconnecting\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("jiro_commands_total{command=\"load\",outcome=\"timed_out\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("jiro_commands_rejected_total{reason=\"duplicate\"} 4\n"));
    EXPECT_THAT(text, HasSubstr("jiro_command_run_seconds_bucket{le=\"0.005\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("jiro_command_run_seconds_bucket{le=\"0.01\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("jiro_command_run_seconds_bucket{le=\"+Inf\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("jiro_command_run_seconds_count 7\n"));
    EXPECT_THAT(text, HasSubstr("jiro_outbox_oldest_undelivered_seconds 12\n"));
    EXPECT_THAT(text, HasSubstr("jiro_hub_last_frame_age_seconds 2.5\n"));
    EXPECT_THAT(prometheus_text(Status{}), HasSubstr("jiro_outbox_oldest_undelivered_seconds 0\n"));
}

struct HealthRow {
    const char* name;
    void (*change)(Status&);
    std::vector<std::string> not_ready;
    std::vector<std::string> degraded;
};

// Ready and degraded are two questions, each answered with reasons.
TEST(Readiness, gives_reasons) {
    const std::vector<HealthRow> rows = {
        {"all is well", [](Status&) {}, {}, {}},
        {"not connected",
         [](Status& s) {
             s.hub.state = ConnectionState::reconnecting;
             s.hub.attempt = 3;
             s.hub.next_attempt_seconds = 12;
             s.hub.last_error = "connection refused";
         },
         {"Reconnecting to hub.example (attempt 3, next in 12 s): connection refused"},
         {}},
        {"stopping", [](Status& s) { s.stopping = true; }, {"the daemon is stopping"}, {}},
        {"outbox not writable", [](Status& s) { s.outbox.writable = false; }, {"the outbox cannot be written"}, {}},
        {"old, but exactly at the limit", [](Status& s) { s.outbox.oldest_age_seconds = 300; }, {}, {}},
        {"old result",
         [](Status& s) { s.outbox.oldest_age_seconds = 301; },
         {},
         {"the oldest undelivered result waits for 5 min 1 s"}},
        {"age without a pending result",
         [](Status& s) {
             s.outbox.pending = 0;
             s.outbox.oldest_age_seconds = 301;
         },
         {},
         {}},
        {"parked",
         [](Status& s) {
             s.delivery.channel = ChannelState::parked;
             s.delivery.last_error = "UNAUTHENTICATED";
         },
         {},
         {"the result server refuses this client: UNAUTHENTICATED"}},
        {"lost", [](Status& s) { s.delivery.lost = 7; }, {}, {"7 results were lost: the log says why"}},
        {"dead letters", [](Status& s) { s.outbox.dead_letters = 2; }, {}, {"2 dead letters in the outbox"}},
        {"no ballast",
         [](Status& s) { s.outbox.ballast_present = false; },
         {},
         {"the outbox's reserve for a full disk is not there"}},
        {"reload refused", [](Status& s) { s.last_reload_succeeded = false; }, {}, {"the last reload was refused"}},
        {"the daemon's own", [](Status& s) { s.extra_degraded = {"clock jumped"}; }, {}, {"clock jumped"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        auto status = connected_status();
        row.change(status);
        const auto health = readiness(status);
        EXPECT_EQ(health.not_ready, row.not_ready);
        EXPECT_EQ(health.degraded, row.degraded);
        EXPECT_EQ(health.ready(), row.not_ready.empty());
    }
}

struct LineRow {
    ConnectionState state;
    const char* start;
};

// One line in words for systemctl status, whatever the state is.
TEST(StatusLine, says_it_in_words) {
    EXPECT_EQ(status_line(connected_status()),
              "Connected to hub.example; 2 running, 1 queued, 3 undelivered (oldest 12 s)");
    const std::vector<LineRow> rows = {
        {ConnectionState::disconnected, "Disconnected from hub.example; "},
        {ConnectionState::connecting, "Connecting to hub.example; "},
        {ConnectionState::reconnecting, "Reconnecting to hub.example; "},
        {ConnectionState::failed, "Failed for hub.example; "},
        {ConnectionState::disconnecting, "Disconnecting from hub.example; "},
    };
    for (const auto& row : rows) {
        auto status = connected_status();
        status.hub.state = row.state;
        EXPECT_TRUE(status_line(status).starts_with(row.start)) << status_line(status);
    }
    EXPECT_EQ(status_line(Status{}), "No hub is configured; 0 running, 0 queued, 0 undelivered");
}

// The table that a person reads holds what matters, from the JSON of the endpoint.
TEST(StatusTable, shows_what_matters) {
    const auto table = status_table(status_json(connected_status()));

    ASSERT_TRUE(table);
    EXPECT_EQ(
        *table,
        "jiro-client 1.2.3, up 2 h 13 min\n"
        "Hub        Connected, https://hub.example/instanceHub, connection conn-1, last frame 2 s ago\n"
        "Requests   the hub may ask: commands, sessions\n"
        "Commands   1 running, 1 queued, 1 detached; 7 processed: 5 succeeded, 2 failed (71.4 % success); 3 rejected\n"
        "           cmd-1  load  12 s\n"
        "           cmd-2  sysinfo  5 min  detached\n"
        "Outbox     3 undelivered (oldest 12 s), 0 dead letters, 12.3 KiB\n"
        "Delivery   4 delivered, 6 attempts, 2 retries, channel open\n"
        "Health     ready\n"
        "Last errors\n"
        "  2026-11-22T10:00:00Z  delivery: UNAVAILABLE: connection refused\n");
}

// An answer of another version, or of another program, is shown as far as it goes and never harms the terminal.
TEST(StatusTable, tolerates_strange_answers) {
    for (const char* bad : {"", "[]", "null", "{", "\"text\"", "<html>"}) {
        const auto table = status_table(bad);
        ASSERT_FALSE(table) << bad;
        EXPECT_EQ(table.error().code, errc::answer_malformed);
    }
    EXPECT_TRUE(status_table("{}"));
    const auto unconfigured = status_table(R"({"state":"Disconnected","hubUrl":""})");
    EXPECT_THAT(unconfigured.value(), testing::HasSubstr("Hub        Disconnected\n"));
    EXPECT_TRUE(status_table(R"({"running":[1,null,[]],"outbox":7,"delivery":[],"degraded":[3],"recentErrors":[9],
                                "successRate":"x","uptimeSeconds":-1e300,"version":{}})"));
    const auto table = status_table(R"({"version":"\u001b[2J\u009b31m","lastError":"a\nb"})");
    ASSERT_TRUE(table);
    EXPECT_THAT(*table, HasSubstr("\\x1b[2J\\xc2\\x9b31m"));
    EXPECT_THAT(*table, HasSubstr("a\\x0ab"));
    const auto endless = status_table(R"({"state":")" + std::string(3'000'000, 'x') + R"("})");
    EXPECT_THAT(endless.value(), HasSubstr("xxx...\n"));
    EXPECT_LT(endless->size(), 3'000U);
}

// What ended last: all of it, or what the filter lets through.
TEST(EndedTable, shows_what_is_wanted) {
    auto status = connected_status();
    status.ended.push_back({"cmd-\x1b[2J", "", Outcome::succeeded, 90, 0, 0, DeliveryState::delivered});
    const auto json = status_json(status);

    EXPECT_EQ(ended_table(json, {}).value(),
              "ID           COMMAND  OUTCOME    ENDED           WAITED  RAN   RESULT\n"
              "cmd-0        load     failed     1 s ago         250 ms  12 s  waiting\n"
              "cmd-\\x1b[2J  -        succeeded  1 min 30 s ago  0 ms    0 ms  delivered\n");
    const auto ids = [&](const EndedFilter& filter) {
        std::string all;
        for (const auto& command : json::parse(ended_json(json, filter).value())) all += command["id"];
        return all;
    };
    EXPECT_EQ(ids({.name = "load"}), "cmd-0");
    EXPECT_EQ(ids({.outcome = "failed"}), "cmd-0");
    EXPECT_EQ(ids({.failed = true}), "cmd-0");
    EXPECT_EQ(ids({.undelivered = true}), "cmd-0");
    EXPECT_EQ(ids({.name = "load", .outcome = "succeeded"}), "");
    EXPECT_EQ(ended_table(json, {.name = "nothing"}).value(), "None of the last 2 commands\n");
    EXPECT_THAT(ended_table(status_json(Status{}), {}).value(), HasSubstr("No command has ended"));
}

TEST(ByNameTable, shows_counts_and_times) {
    const auto json = status_json(connected_status());
    EXPECT_EQ(by_name_table(json).value(),
              "COMMAND  ENDED  FAILED  P50   P95\n"
              "load     7      2       8 ms  10 ms\n");
    EXPECT_EQ(json::parse(by_name_json(json).value())[0]["count"], 7);
    EXPECT_THAT(by_name_table(status_json(Status{})).value(), HasSubstr("No command has ended"));
}

// A daemon of another version, or something else.
TEST(CommandTables, tolerate_strange_answers) {
    for (const char* bad : {"", "[]", "{}", R"({"ended":{},"byName":7})"}) {
        EXPECT_EQ(ended_table(bad, {}).error().code, errc::answer_malformed) << bad;
        EXPECT_EQ(by_name_table(bad).error().code, errc::answer_malformed) << bad;
    }
    EXPECT_TRUE(ended_table(R"({"ended":[1,null,[],{"id":7,"ageSeconds":"x","runSeconds":-1e300}]})", {}));
    EXPECT_TRUE(by_name_table(R"({"byName":[1,null,[],{"name":7,"count":-1,"p50Seconds":1e300}]})"));
}

// A snapshot of the monitor: ages, counts and the rest.
TEST(StatusView, shows_rates_latencies_and_calls) {
    auto status = connected_status();
    const auto before = status_json(status);
    status.uptime_seconds += 4;
    status.commands.received += 10;
    status.commands.successful += 2;
    status.delivery.delivered += 6;
    status.delivery.attempts += 8;

    const auto view = status_view(status_json(status), EarlierStatus{before, 4.0});

    ASSERT_TRUE(view);
    EXPECT_THAT(*view, HasSubstr("Rates      2.5/s received, 0.5/s processed, 1.5/s delivered, 2.0/s calls\n"));
    EXPECT_THAT(*view, HasSubstr("Latency    run       p50 8 ms p95 10 ms p99 10 ms, 7 in all\n"));
    EXPECT_THAT(*view, HasSubstr("           delivery  p50 0 ms p95 0 ms p99 0 ms, 0 in all\n"));
    EXPECT_THAT(*view, HasSubstr("           cmd-1  load  12 s\n"));
    EXPECT_THAT(*view, HasSubstr("           calls: OK 4, UNAVAILABLE 2\n"));
    EXPECT_THAT(*view, HasSubstr("  2026-11-22T10:00:00Z  delivery: UNAVAILABLE: connection refused\n"));
}

// At first, after the daemon was started anew, and when an answer is strange, there is nothing to compare with.
TEST(StatusView, has_no_rate_without_an_earlier_answer) {
    auto status = connected_status();
    const auto now = status_json(status);
    status.uptime_seconds += 100;
    const auto of_another_process = status_json(status);
    for (const auto& earlier : {std::optional<EarlierStatus>(), std::optional(EarlierStatus{of_another_process, 2.0}),
                                std::optional(EarlierStatus{"[]", 2.0}), std::optional(EarlierStatus{"{}", 2.0}),
                                std::optional(EarlierStatus{now, 0.0})}) {
        const auto view = status_view(now, earlier);
        ASSERT_TRUE(view);
        EXPECT_THAT(*view, HasSubstr("Rates      - received, - processed, - delivered, - calls\n"));
    }
    EXPECT_TRUE(status_view("{}", EarlierStatus{"{}", 1.0}));
    EXPECT_TRUE(status_view(R"({"latency":7,"delivery":[],"running":{}})", {}));
    EXPECT_FALSE(status_view("[]", {}));
}

TEST(FillFrom, copies_the_monitor) {
    CommandQueueMonitor monitor;
    const TimePoint start{std::chrono::hours(1)};
    monitor.received();
    monitor.started("a", "echo", start);
    Status status;
    fill_from(status, monitor, start + std::chrono::seconds(5));

    EXPECT_EQ(status.commands.active, 1u);
    ASSERT_EQ(status.running.size(), 1u);
    EXPECT_EQ(status.running[0].age_seconds, 5.0);
}

// Durations and sizes in the words of a person.
TEST(Text, has_short_durations) {
    EXPECT_EQ(short_duration(-1), "0 ms");
    EXPECT_EQ(short_duration(0.0004), "0 ms");
    EXPECT_EQ(short_duration(0.012), "12 ms");
    EXPECT_EQ(short_duration(0.9996), "1.0 s");
    EXPECT_EQ(short_duration(1.24), "1.2 s");
    EXPECT_EQ(short_duration(9.96), "9 s");
    EXPECT_EQ(short_duration(75), "1 min 15 s");
}

TEST(Text, is_human) {
    EXPECT_EQ(human_duration(0.9), "0 s");
    EXPECT_EQ(human_duration(-5), "0 s");
    EXPECT_EQ(human_duration(59.9), "59 s");
    EXPECT_EQ(human_duration(60), "1 min");
    EXPECT_EQ(human_duration(3725), "1 h 2 min");
    EXPECT_EQ(human_duration(90000), "1 d 1 h");
    EXPECT_EQ(human_duration(1e300), human_duration(1e15));
    EXPECT_EQ(human_bytes(1023), "1023 bytes");
    EXPECT_EQ(human_bytes(1536), "1.5 KiB");
    EXPECT_EQ(human_bytes(std::uint64_t{1} << 63), "8388608.0 TiB");
}

}  // namespace
}  // namespace jiro::monitor
