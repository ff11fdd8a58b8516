// SPDX-License-Identifier: MIT
// The steps to a hub, on a scripted one and over real sockets; the e2e tests of the doctor show the rest.
#include "jiro/signalr/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "jiro/base/random.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/scripted_transport.hpp"
#include "unit/delivery/test_certificate.hpp"

namespace jiro::signalr {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using End = ProbeResult::End;
using tcp = boost::asio::ip::tcp;

class ProbeTest : public testing::Test {
  protected:
    // Until the probe ended or waits for the server.
    void start() {
        Dependencies dependencies{.clock = clock_, .random = random_};
        dependencies.connector = connector_;
        dependencies.credentials = credentials_;
        settings_.hub_url = *Url::parse("https://hub.test/hub");
        boost::asio::co_spawn(context_, probe_hub(settings_, std::move(dependencies)),
                              [this](const std::exception_ptr& exception, ProbeReport report) {
                                  ASSERT_FALSE(exception);
                                  report_ = std::move(report);
                              });
        test::settle(context_);
    }

    [[nodiscard]] const ProbeResult& step(ProbeStep wanted) const {
        for (const auto& result : report_->steps) {
            if (result.step == wanted) return result;
        }
        throw std::logic_error("a step is missing");
    }

    void expect_failure(ProbeStep at, errc code) {
        ASSERT_TRUE(report_);
        ASSERT_NE(report_->failure(), nullptr);
        EXPECT_EQ(to_string(report_->failure()->step), to_string(at));
        EXPECT_EQ(report_->failure()->error->code, code);
        for (const auto& result : report_->steps) {
            if (result.step <= at) continue;
            EXPECT_EQ(result.end, End::skipped) << to_string(result.step);
        }
    }

    boost::asio::io_context context_;
    test::ManualClock clock_;
    test::FixedRandom random_{0};
    Settings settings_;
    CredentialsProvider credentials_;
    std::shared_ptr<test::ScriptedConnector> connector_ =
        std::make_shared<test::ScriptedConnector>(context_.get_executor());
    std::optional<ProbeReport> report_;
};

// The hub refuses a protocol that it cannot have: that is the answer of a hub, and leaves no client behind.
TEST_F(ProbeTest, does_not_become_a_client) {
    connector_->answers_handshake = false;
    start();
    ASSERT_FALSE(report_);
    EXPECT_EQ(connector_->socket().handshake, R"({"protocol":"jiro-client-doctor","version":1})");
    connector_->socket().deliver("{\"error\":\"The protocol 'jiro-client-doctor' is not supported.\"}\x1e");
    test::settle(context_);

    ASSERT_TRUE(report_);
    EXPECT_EQ(report_->failure(), nullptr);
    EXPECT_EQ(step(ProbeStep::negotiate).end, End::passed);
    EXPECT_EQ(step(ProbeStep::upgrade).end, End::passed);
    EXPECT_EQ(step(ProbeStep::handshake).end, End::passed);
    EXPECT_EQ(step(ProbeStep::credentials).seen, "none are configured");
    EXPECT_TRUE(connector_->socket().sent.empty());
}

// A server that takes every protocol is left at once.
TEST_F(ProbeTest, leaves_at_once_when_it_was_taken) {
    start();
    ASSERT_TRUE(report_);
    EXPECT_EQ(report_->failure(), nullptr);
    EXPECT_TRUE(connector_->socket().aborted);
    EXPECT_TRUE(connector_->socket().sent.empty());
}

TEST_F(ProbeTest, names_the_step_that_failed) {
    connector_->answers = {HttpResponse{401, {}, ""}};
    start();
    expect_failure(ProbeStep::negotiate, errc::unauthorized);

    connector_->answers = {HttpResponse{200, {}, "<html>"}};
    start();
    expect_failure(ProbeStep::negotiate, errc::negotiate_invalid);

    connector_->upgrades = {HttpResponse{403, {}, ""}};
    start();
    expect_failure(ProbeStep::upgrade, errc::forbidden);

    settings_.skip_negotiation = true;
    connector_->upgrades = {HttpResponse{400, {}, ""}};
    start();
    expect_failure(ProbeStep::upgrade, errc::upgrade_failed);
    EXPECT_EQ(step(ProbeStep::negotiate).seen, "SkipNegotiation is set");
}

// A credential that cannot be read is not asked about anywhere.
TEST_F(ProbeTest, names_credentials_that_cannot_be_read) {
    credentials_ = [] { return Result<Credentials>(Error(errc::credentials_failed, "no such file")); };
    start();
    expect_failure(ProbeStep::credentials, errc::credentials_failed);
    EXPECT_TRUE(connector_->requests.empty());
}

// What answers the handshake in another language, or not at all, is no hub.
TEST_F(ProbeTest, recognises_what_is_no_hub) {
    for (const char* answer : {"{\"type\":6}\x1e", "hello\x1e", "[]\x1e", "{\"error\":5}\x1e"}) {
        SCOPED_TRACE(answer);
        connector_->answers_handshake = false;
        report_.reset();
        start();
        connector_->socket().deliver(answer);
        test::settle(context_);
        expect_failure(ProbeStep::handshake, errc::handshake_failed);
    }
    report_.reset();
    start();
    clock_.advance(settings_.handshake_timeout);
    test::settle(context_);
    expect_failure(ProbeStep::handshake, errc::handshake_timeout);
}

// The Date of the server's answer tells how far the clocks are apart.
TEST_F(ProbeTest, compares_the_clocks) {
    auto answer = test::negotiate_answer("id", false);
    answer.headers.emplace_back("date", "Sat, 21 Nov 2026 23:59:00 GMT");  // the manual clock begins a minute later
    connector_->answers = {answer};
    start();
    EXPECT_EQ(report_->clock_ahead, 60s);

    answer.headers = {{"Date", "yesterday"}};
    connector_->answers = {answer};
    start();
    EXPECT_FALSE(report_->clock_ahead);
}

// Over real sockets: what refuses, and what listens without TLS.
TEST(ProbeWay, sees_sockets) {
    boost::asio::io_context context;
    SystemClock clock;
    std::string url;
    {
        tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
        url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
        const auto open = test::run_task(context, probe_network_path(clock, {*Url::parse(url), {}, {}, {}}));
        EXPECT_EQ(open.failure(), nullptr);
        ASSERT_EQ(open.steps.size(), 4U);
        EXPECT_EQ(open.steps[0].end, End::skipped);  // no name to resolve
        EXPECT_EQ(open.steps[1].end, End::passed);
    }
    const auto refused = test::run_task(context, probe_network_path(clock, {*Url::parse(url), {}, {}, {}}));
    ASSERT_NE(refused.failure(), nullptr);
    EXPECT_EQ(refused.failure()->step, ProbeStep::connect);

    const auto path = http::Endpoint{*Url::parse("http://hub.test/"), {}, *Url::parse(url), {}};
    const auto no_proxy = test::run_task(context, probe_network_path(clock, path));
    EXPECT_EQ(no_proxy.failure()->step, ProbeStep::connect);
    EXPECT_THAT(no_proxy.failure()->error->message, HasSubstr("127.0.0.1"));
}

// Of several certificates in a file the one that ends first counts; a file without one is an error.
TEST(Certificate, finds_the_first_to_expire) {
    const auto pem = test::make_certificate("hub.test");
    const auto found = first_to_expire("a comment\n" + pem.certificate + pem.certificate);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->subject, "CN=hub.test");
    const auto left = found->not_after - std::chrono::system_clock::now();
    EXPECT_GT(left, 23h);
    EXPECT_LT(left, 25h);
    for (const auto& text : {std::string(), std::string("hello"), pem.key, pem.certificate.substr(0, 200)})
        EXPECT_FALSE(first_to_expire(text)) << text;
}

}  // namespace
}  // namespace jiro::signalr
