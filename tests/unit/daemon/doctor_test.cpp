// SPDX-License-Identifier: MIT
// What the doctor makes of what it saw; the e2e tests show that it sees right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/cli/doctor/configuration_checks.hpp"
#include "daemon/cli/doctor/local_checks.hpp"
#include "daemon/cli/doctor/network_checks.hpp"
#include "daemon/cli/doctor/render.hpp"
#include "daemon/version.hpp"
#include "jiro/monitor/errors.hpp"
#include "jiro/signalr/errors.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon::cli {
namespace {

using namespace std::chrono_literals;
using signalr::ProbeResult;
using signalr::ProbeStep;
using ::testing::HasSubstr;
using ::testing::Not;
using End = ProbeResult::End;

constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);

config::Config config_of(const std::string& yaml) {
    auto loaded = config::load_text(yaml, "config.yaml", {});
    EXPECT_TRUE(loaded);
    return std::move(*loaded.config);
}

struct CallRow {
    const char* name;
    delivery::StatusCode code;
    const char* message;
    Verdict verdict;
    const char* check;
};

// Each answer to the unreadable message tells something else.
TEST(Doctor, tells_grpc_answers_apart) {
    using delivery::StatusCode;
    const std::vector<CallRow> rows = {
        {"it parsed the message and refused it", StatusCode::internal, "Failed to parse", Verdict::ok, "grpc.service"},
        {"ASP.NET Core does it so", StatusCode::unknown, "Exception was thrown by handler.", Verdict::ok,
         "grpc.service"},
        {"our development hub", StatusCode::invalid_argument, "not a ClientMessage", Verdict::ok, "grpc.service"},
        {"an answer after all", StatusCode::ok, "", Verdict::ok, "grpc.service"},
        {"no credentials", StatusCode::unauthenticated, "no", Verdict::problem, "grpc.credentials"},
        {"a proxy's 401", StatusCode::unauthenticated, "Received http2 header with status: 401", Verdict::problem,
         "grpc.credentials"},
        {"no permission", StatusCode::permission_denied, "no", Verdict::problem, "grpc.credentials"},
        {"another service", StatusCode::unimplemented, "Service is unimplemented.", Verdict::problem, "grpc.service"},
        {"a web page", StatusCode::unknown, "Stream removed", Verdict::problem, "grpc.service"},
        {"a status of HTTP", StatusCode::unknown, "Received http2 header with status: 418", Verdict::problem,
         "grpc.service"},
        {"a proxy's 502", StatusCode::unavailable, "Received http2 header with status: 502", Verdict::problem,
         "grpc.service"},
        {"silence", StatusCode::deadline_exceeded, "Deadline Exceeded", Verdict::problem, "grpc.service"},
        {"busy", StatusCode::resource_exhausted, "quota", Verdict::warning, "grpc.service"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        Findings findings;
        explain_call(findings, {row.code, false, row.message, {}});
        ASSERT_EQ(findings.all().size(), 1U);
        EXPECT_EQ(findings.all()[0].verdict, row.verdict);
        EXPECT_EQ(findings.all()[0].check, row.check);
        EXPECT_EQ(findings.all()[0].advice.empty(), row.verdict == Verdict::ok);
    }
}

// Steps become sentences: an error's own advice is used, skipped steps say nothing, refused credentials have their
// name.
TEST(Doctor, explains_the_steps_to_the_hub) {
    signalr::ProbeReport report;
    report.steps = {{ProbeStep::resolve, End::passed, "hub.example resolves", {}},
                    {ProbeStep::proxy, End::skipped, "no proxy is used", {}},
                    {ProbeStep::tls, End::passed, "TLSv1.3", {}},
                    {ProbeStep::negotiate, End::failed, "", Error(signalr::errc::forbidden, "403; ask somebody")},
                    {ProbeStep::upgrade, End::failed, "", Error(signalr::errc::upgrade_failed, "it broke")}};
    report.certificate = signalr::Certificate{"CN=hub.example", kNow - 24h, kNow + 5 * 24h};
    Findings findings;

    explain_steps(findings, "hub", report, kNow);

    const auto& all = findings.all();
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(all[0].check, "hub.resolve");
    EXPECT_EQ(all[1].check, "hub.tls");
    EXPECT_EQ(all[2].check, "hub.certificate");
    EXPECT_EQ(all[2].verdict, Verdict::warning);
    EXPECT_EQ(all[2].text, "CN=hub.example: the certificate expires in 5 days");
    EXPECT_EQ(all[3].check, "hub.credentials");
    EXPECT_EQ(all[3].text, "403");
    EXPECT_EQ(all[3].advice, "ask somebody");
    EXPECT_EQ(all[4].text, "it broke");
    EXPECT_THAT(all[4].advice, HasSubstr("WebSockets"));
}

TEST(Doctor, judges_the_clock_by_the_hubs) {
    struct Row {
        Duration ahead;
        Verdict verdict;
        const char* text;
    };
    for (const auto& [ahead, verdict, text] :
         {Row{0s, Verdict::ok, "agrees"}, Row{-29s, Verdict::ok, "agrees"}, Row{30s, Verdict::warning, "30 s ahead of"},
          Row{-299s, Verdict::warning, "4 min behind"}, Row{300s, Verdict::problem, "5 min ahead of"}}) {
        Findings findings;
        explain_clock(findings, ahead);
        EXPECT_EQ(findings.all()[0].verdict, verdict) << text;
        EXPECT_THAT(findings.all()[0].text, HasSubstr(text));
    }
    Findings findings;
    check_clock(findings, kNow);
    EXPECT_TRUE(findings.all().empty());
    check_clock(findings, std::chrono::sys_days(std::chrono::year(1970) / 1 / 2));
    EXPECT_EQ(findings.all().at(0).verdict, Verdict::problem);
}

// What a running daemon says of itself, and what may answer in its place.
TEST(Doctor, explains_a_daemons_status) {
    const auto config = config_of("WebSocket: {HubUrl: 'https://hub.example/hub'}");
    const std::string version = kVersion;
    Findings good;
    EXPECT_TRUE(explain_status(good,
                               R"({"version":")" + version + R"(","state":"Connected","uptimeSeconds":7300,)" +
                                   R"("hubUrl":"https://hub.example/hub","notReady":[],"degraded":[]})",
                               config));
    ASSERT_EQ(good.all().size(), 1U);
    EXPECT_EQ(good.all()[0].text, "a daemon runs: version " + version + ", up 2 h, its hub connection is Connected");

    Findings other;
    EXPECT_TRUE(explain_status(
        other, Result<std::string>(R"({"version":"0.0.1","hubUrl":"x","degraded":["2 dead letters in the outbox",7]})"),
        config));
    ASSERT_EQ(other.all().size(), 4U);
    EXPECT_EQ(other.all()[1].check, "daemon.version");
    EXPECT_EQ(other.all()[2].check, "daemon.configuration");
    EXPECT_EQ(other.all()[3].text, "the daemon says: 2 dead letters in the outbox");

    using monitor::errc;
    for (const auto& [code, verdict] :
         {std::pair{errc::not_running, Verdict::warning}, std::pair{errc::no_permission, Verdict::warning},
          std::pair{errc::switched_off, Verdict::ok}, std::pair{errc::timeout, Verdict::problem},
          std::pair{errc::answer_malformed, Verdict::problem}, std::pair{errc::refused, Verdict::problem},
          std::pair{errc::busy, Verdict::problem}}) {
        Findings absent;
        EXPECT_FALSE(explain_status(absent, Error(code), config));
        EXPECT_EQ(absent.all().at(0).verdict, verdict) << Error(code).message;
    }
    EXPECT_FALSE(explain_status(other, Result<std::string>("[1]"), config));
}

// Results in memory only, and a folder that cannot be known, are said to be so.
TEST(Doctor, explains_an_outbox_without_a_folder) {
    const auto config = config_of("{}");
    Findings findings;
    check_state(findings, config, ":memory:", {}, false);
    EXPECT_EQ(findings.all().back().check, "state.memory");
    check_state(findings, config, "", {}, false);
    EXPECT_EQ(findings.all().back().verdict, Verdict::problem);
    const test::TempDir folder;
    check_state(findings, config, folder.path() / "outbox.db", {}, true);
    EXPECT_EQ(findings.all().back().text, "the running daemon has the outbox open");
}

TEST(Doctor, reads_the_expiry_of_a_token) {
    // {"alg":"none"} . {"exp":1795478400,"s":"~~?"} in base64url.
    const Secret token("eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTU0Nzg0MDAsInMiOiJ-fj8ifQ.c2ln");
    ASSERT_TRUE(expiry_of(token));
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*expiry_of(token)), 1795478400);
    for (const char* other : {"", "opaque", "a.b", "..", "a..c", "a.!!!.c", "a.eyJleHAiOjF9", "a.e30.c", "a.x.c",
                              "a.eyJleHAiOiJzb29uIn0.c", "a.eyJleHAiOi0xfQ.c", "a.eyJleHAiOjFlOTl9.c"}) {
        EXPECT_FALSE(expiry_of(Secret(other))) << other;
    }
}

Findings some_findings() {
    Findings findings;
    findings.begin_section("Hub \x1b[31m");
    findings.ok("hub.tls", "well");
    findings.warning("hub.certificate", "soon", "renew");
    findings.problem("hub.connect", "bad\x1b[2J with token-4711", "use token-4711");
    return findings;
}

// For people: aligned, with advice, and nothing that a terminal would obey; colour only when asked for.
TEST(Doctor, prints_for_people) {
    const auto some = some_findings();
    const auto& findings = some.all();
    EXPECT_EQ(render_text(findings, Colour::off),
              "Hub \\x1b[31m\n"
              "  ok       well\n"
              "  warning  soon\n"
              "           -> renew\n"
              "  problem  bad\\x1b[2J with token-4711\n"
              "           -> use token-4711\n"
              "\n"
              "1 problem, 1 warning.\n");
    EXPECT_THAT(render_text(findings, Colour::on), HasSubstr("\033[1;31mproblem  \033[0mbad"));
    EXPECT_THAT(render_text({findings.data(), 2}, Colour::off), HasSubstr("No problem, 1 warning.\n"));
    EXPECT_THAT(render_text({findings.data(), 1}, Colour::off), HasSubstr("All is well.\n"));
    EXPECT_EQ(worst(findings), Verdict::problem);
    EXPECT_EQ(worst({}), Verdict::ok);
}

TEST(Doctor, hides_secrets_in_every_spelling) {
    for (const auto& spelling : test::spellings()) {
        Findings findings;
        findings.problem("hub.connect", "saw " + spelling, "not " + spelling);
        findings.hide({Secret(std::string(test::kSpelled))});
        test::expect_hidden(findings.all()[0].text, spelling);
        test::expect_hidden(findings.all()[0].advice, spelling);
    }
}

TEST(Doctor, prints_for_machines) {
    const auto report = nlohmann::json::parse(render_json(some_findings().all()));
    EXPECT_EQ(report["result"], "problem");
    EXPECT_EQ(report["problems"], 1);
    EXPECT_EQ(report["warnings"], 1);
    EXPECT_EQ(report["findings"][0]["advice"], nullptr);
    EXPECT_EQ(report["findings"][2]["check"], "hub.connect");
}

// Whatever repeats a credential: it is not printed.
TEST(Doctor, hides_secrets) {
    auto findings = some_findings();
    findings.hide({Secret("token"), Secret(""), Secret("e"), Secret("token-4711")});
    EXPECT_THAT(render_text(findings.all(), Colour::off), Not(HasSubstr("4711")));
    EXPECT_THAT(findings.all()[2].advice, "use ***");
    EXPECT_EQ(findings.all()[0].text, "well");
}

}  // namespace
}  // namespace jiro::daemon::cli
