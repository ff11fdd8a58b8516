// SPDX-License-Identifier: MIT
// The driver on a scripted hub: the connection's life as a server and an operator see it.
#include "jiro/signalr/hub_connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "signalr/protocol/record_splitter.hpp"
#include "support/log_capture.hpp"
#include "support/spellings.hpp"
#include "unit/signalr/bench.hpp"

namespace jiro::signalr {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::Bench;
using testing::ElementsAre;
using testing::HasSubstr;

// The first start negotiates, upgrades, shakes hands, and sends one Ping.
TEST(HubConnection, connects_and_pings_once) {
    Bench bench;
    bench.start();

    EXPECT_EQ(bench.state(), State::connected);
    EXPECT_EQ(bench.hub->connection_id(), "id1");
    EXPECT_EQ(bench.socket().handshake, R"({"protocol":"json","version":1})");
    EXPECT_THAT(bench.socket().sent, ElementsAre(R"({"type":6})"));
    EXPECT_THAT(bench.states(), ElementsAre(State::connecting, State::connected));
}

// A start that fails is tried again with growing delays, then Failed, then Connecting again: for ever.
TEST(HubConnection, first_start_is_under_the_policy) {
    Bench bench;
    bench.settings.max_reconnection_attempts = 2;
    bench.settings.server_timeout = 10min;
    bench.random = test::FixedRandom({3'000'000'000});
    bench.connector->answers.assign(4, Error(http::errc::connect_failed, "connecting failed"));
    bench.start();
    EXPECT_EQ(bench.state(), State::connecting);

    bench.pass(10s);
    EXPECT_EQ(bench.state(), State::failed);
    EXPECT_EQ(bench.hub->last_error()->code, http::errc::connect_failed);
    ASSERT_TRUE(bench.hub->next_attempt_at());

    bench.pass(100s);
    EXPECT_EQ(bench.state(), State::connected);
    EXPECT_EQ(bench.connector->posts(), 5U);
}

// A server that tells how long an access token lives gets today's before that is over, at the hub's own address, again
// and again; nothing else happens to the connection.
TEST(HubConnection, refreshes_its_access_token) {
    Bench bench;
    std::string token = "token-1";
    bench.credentials = [&token]() -> Result<Credentials> { return Credentials{Secret(token), Secret()}; };
    auto negotiated = test::negotiate_answer("id1", false);
    negotiated.body.insert(negotiated.body.size() - 1, R"(,"tokenLifetimeSeconds":3600)");
    negotiated.headers = {{"Set-Cookie", "route=n1; Path=/"}};
    bench.connector->answers.push_back(negotiated);
    bench.connector->answers.push_back(HttpResponse{200, {}, R"({"tokenLifetimeSeconds":60})"});
    bench.connector->answers.push_back(HttpResponse{200, {}, "{}"});
    bench.settings.server_timeout = 10h;
    bench.start();
    token = "token-2";
    bench.advance(3299s);
    EXPECT_EQ(bench.connector->posts(), 1U);
    bench.advance(1s);
    ASSERT_EQ(bench.connector->posts(), 2U);
    const auto& request = bench.connector->requests.back().request;
    EXPECT_EQ(request.url.path(), "/hub/refresh");
    EXPECT_TRUE(request.url.has_parameter("id"));
    EXPECT_EQ(*find_header(request.headers, "Authorization"), "Bearer token-2");
    ASSERT_NE(find_header(request.headers, "Cookie"), nullptr);  // without it another server is asked
    EXPECT_EQ(*find_header(request.headers, "Cookie"), "route=n1");
    bench.advance(30s);
    EXPECT_EQ(bench.connector->posts(), 3U);
    bench.advance(2h);  // the last answer names no time
    EXPECT_EQ(bench.connector->posts(), 3U);
    EXPECT_THAT(bench.states(), ElementsAre(State::connecting, State::connected));
}

// What the hub repeats of a token that was read at a refresh is in no error, nor is what the connection began with,
// also when a refresh failed.
TEST(HubConnection, keeps_the_secrets_of_a_refresh_out_of_errors) {
    for (const bool fails : {false, true}) {
        Bench bench;
        std::string token = "canary-token-1";
        bool can_read = true;
        bench.credentials = [&]() -> Result<Credentials> {
            if (!can_read) return Error(errc::credentials_failed, "two lines");
            return Credentials{Secret(token), Secret()};
        };
        auto negotiated = test::negotiate_answer("id1", false);
        negotiated.body.insert(negotiated.body.size() - 1, R"(,"tokenLifetimeSeconds":3600)");
        negotiated.headers = {{"Set-Cookie", "route=canary-cookie; Path=/"}};
        bench.connector->answers.push_back(negotiated);
        bench.connector->answers.push_back(HttpResponse{200, {}, "{}"});
        bench.settings.server_timeout = 10h;
        bench.start();
        token = "canary-token-2";
        can_read = !fails;
        bench.advance(1h);
        bench.deliver(R"({"type":7,"error":"canary-token-1 canary-cookie canary-token-2"})"
                      "\x1e");
        EXPECT_THAT(bench.hub->last_error()->message, HasSubstr(fails ? "*** *** canary-token-2" : "*** *** ***"));
    }
}

// The token of the refresh before is in force as long as the next one has not been told.
TEST(HubConnection, keeps_the_token_of_an_earlier_refresh_out_of_errors) {
    Bench bench;
    std::string token = "canary-token-1";
    bool can_read = true;
    bench.credentials = [&]() -> Result<Credentials> {
        if (!can_read) return Error(errc::credentials_failed, "two lines");
        return Credentials{Secret(token), Secret()};
    };
    auto negotiated = test::negotiate_answer("id1", false);
    negotiated.body.insert(negotiated.body.size() - 1, R"(,"tokenLifetimeSeconds":3600)");
    bench.connector->answers.push_back(negotiated);
    bench.connector->answers.push_back(HttpResponse{200, {}, R"({"tokenLifetimeSeconds":3600})"});
    bench.settings.server_timeout = 10h;
    bench.start();
    token = "canary-token-2";
    bench.advance(1h);
    can_read = false;
    bench.advance(1h);
    bench.deliver(R"({"type":7,"error":"canary-token-1 canary-token-2"})"
                  "\x1e");
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("*** ***"));
}

// Cookies of a balancer that find no room beside our own in one header stay away; ours go.
TEST(HubConnection, sends_its_own_cookies_first) {
    Bench bench;
    bench.settings.headers = {{"Cookie", "own=" + std::string(10'000, 'o')}};
    auto negotiated = test::negotiate_answer("id1", false);
    for (const char* name : {"a", "b"}) {
        negotiated.headers.emplace_back("Set-Cookie", name + ('=' + std::string(3'900, 'v')) + "; Path=/");
    }
    bench.connector->answers.push_back(negotiated);
    bench.start();
    EXPECT_EQ(bench.state(), State::connected);
    const auto* cookie = find_header(bench.connector->requests.back().request.headers, "Cookie");
    ASSERT_NE(cookie, nullptr);
    EXPECT_EQ(*cookie, bench.settings.headers.front().second);
}

// Silence for ServerTimeout loses the connection, and the error says what to do.
TEST(HubConnection, loses_a_silent_server) {
    Bench bench;
    bench.start();
    bench.pass(29s);
    EXPECT_EQ(bench.state(), State::connected);
    bench.advance(1s);

    EXPECT_EQ(bench.changes.back().to, State::connected);  // the policy's delay was zero
    EXPECT_EQ(bench.hub->last_error()->code, errc::server_timeout);
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("30000 ms"));
    EXPECT_TRUE(bench.connector->sockets.front()->aborted);
}

// What a hub repeats of what it was told is in no error: header values and cookies, whole or their telling part.
TEST(HubConnection, masks_what_the_hub_repeats) {
    Bench bench;
    bench.settings.headers = {{"X-Functions-Key", "canary-header"},
                              {"Authorization", "Basic canary-basic="},
                              {"Cookie", "a=canary-first; b=canary-second"},
                              {"X-Short", "yes"},
                              {"User-Agent", "agent/1.0"}};
    auto negotiated = test::negotiate_answer("id1", false);
    negotiated.headers = {{"Set-Cookie", "route=canary-cookie; Path=/"}};
    bench.connector->answers.push_back(negotiated);
    bench.start();
    bench.deliver(
        R"({"type":7,"error":"yes, agent/1.0 sent canary-header canary-basic= canary-first canary-second canary-cookie"})"
        "\x1e");
    ASSERT_TRUE(bench.hub->last_error());
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("yes, agent/1.0 sent *** *** *** *** ***"));
}

// Whatever it makes of what it was told, and wherever it says so: in a Close message, as a connection's id, as an error
// of negotiate, as a redirect.
TEST(HubConnection, masks_every_spelling_of_what_the_hub_repeats) {
    const auto start = [](Bench& bench, const HttpResponse& answer) {
        bench.credentials = []() -> Result<Credentials> {
            return Credentials{Secret(), Secret(std::string(test::kSpelled))};
        };
        bench.connector->answers.push_back(answer);
        bench.start();
    };
    for (const auto& spelling : test::spellings()) {
        const auto text = json(spelling).dump();
        Bench closed;
        auto named = test::negotiate_answer("id1", false);
        named.body.replace(named.body.find("\"id1\""), 5, text);
        start(closed, named);
        test::expect_hidden(closed.hub->connection_id().value_or("none"), spelling);
        closed.deliver(R"({"type":7,"error":)" + text + "}\x1e");
        const HttpResponse answers[] = {{200, {}, "{\"error\":" + text + '}'},
                                        {302, {{"Location", "/login/" + spelling}}, ""}};
        Bench refused;
        start(refused, answers[0]);
        Bench redirected;
        start(redirected, answers[1]);
        for (const Bench* bench : {&closed, &refused, &redirected}) {
            ASSERT_TRUE(bench->hub->last_error());
            test::expect_hidden(bench->hub->last_error()->message, spelling);
        }
    }
}

// What a hub says may be of any length; an error holds its start.
TEST(HubConnection, shortens_what_the_hub_says) {
    Bench bench;
    bench.start();
    bench.deliver(R"({"type":7,"error":")" + std::string(900'000, 'x') + "\"}\x1e");
    test::settle(bench.context);
    ASSERT_TRUE(bench.hub->last_error());
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("xxxxx"));
    EXPECT_LE(bench.hub->last_error()->message.size(), 500U);
}

// Nothing sent for the interval: one Ping, and again.
TEST(HubConnection, pings_only_when_idle) {
    Bench bench;
    bench.start();
    bench.pass(14s);
    EXPECT_EQ(bench.socket().records('6').size(), 1U);
    bench.pass(1s);
    EXPECT_EQ(bench.socket().records('6').size(), 2U);
    bench.deliver("{\"type\":6}\x1e");
    bench.pass(15s);
    EXPECT_EQ(bench.socket().records('6').size(), 3U);
}

// A peer that does not read is cut off after the send limit.
TEST(HubConnection, cuts_a_peer_that_does_not_read) {
    Bench bench;
    bench.settings.server_timeout = 10min;
    bench.start();
    bench.socket().send_is_stuck = true;
    bench.pass(30s);
    EXPECT_EQ(bench.hub->last_error()->code, errc::send_timeout);
}

// 401 goes to Failed at once, and says what to do; retry_now leaves the delay.
TEST(HubConnection, rejected_credentials_fail_at_once_and_retry_now_leaves_the_delay) {
    Bench bench;
    bench.connector->answers.push_back(HttpResponse{401, {}, ""});
    bench.start();
    EXPECT_EQ(bench.state(), State::failed);
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("AccessToken"));

    bench.hub->retry_now();
    test::settle(bench.context);
    EXPECT_EQ(bench.state(), State::connected);
}

// Retry-After of a 503 is a lower bound of the delay.
TEST(HubConnection, honours_retry_after) {
    Bench bench;
    bench.connector->answers.push_back(HttpResponse{503, {{"retry-after", "40"}}, ""});
    bench.start();
    bench.pass(39s);
    EXPECT_EQ(bench.connector->posts(), 1U);
    bench.pass(2s);
    EXPECT_EQ(bench.connector->posts(), 2U);
}

// stop() answers what is unanswered, says Close, closes with 1000, and ends run().
TEST(HubConnection, stops_politely) {
    Bench bench;
    bool cancelled = false;
    auto& hub = bench.make();
    Event never(bench.context.get_executor());
    struct Wait {
        static Task<Result<json>> run(Event& event, bool& was_cancelled) {
            try {
                for (;;) co_await event.wait();
            } catch (const boost::system::system_error&) {
                was_cancelled = true;
            }
            co_return json();
        }
    };
    auto subscription = hub.on_result("Slow", [&](Invocation) { return Wait::run(never, cancelled); });
    bench.start();
    bench.deliver(R"({"type":1,"invocationId":"7","target":"Slow","arguments":[]})"
                  "\x1e");

    boost::asio::co_spawn(bench.context, hub.stop(), boost::asio::detached);
    test::settle(bench.context);

    EXPECT_THAT(bench.socket().sent,
                ElementsAre(R"({"type":6})", R"({"type":3,"invocationId":"7","error":"The client is shutting down."})",
                            R"({"type":7})"));
    EXPECT_EQ(bench.socket().closed_by_client, 1000);
    EXPECT_TRUE(bench.run_ended);
    EXPECT_FALSE(bench.failure);
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(bench.state(), State::disconnected);
    EXPECT_EQ(bench.states().at(2), State::disconnecting);
}

// stop() is bounded even when the peer takes nothing.
TEST(HubConnection, stop_is_bounded) {
    Bench bench;
    bench.start();
    bench.socket().send_is_stuck = true;
    boost::asio::co_spawn(bench.context, bench.hub->stop(), boost::asio::detached);
    bench.pass(4s);
    EXPECT_FALSE(bench.run_ended);
    bench.pass(2s);
    EXPECT_TRUE(bench.run_ended);
}

// What cannot be written is not waited for.
TEST(HubConnection, stop_does_not_wait_for_a_goodbye_that_cannot_be_sent) {
    Bench bench;
    bench.start();
    bench.socket().send_fails = true;
    boost::asio::co_spawn(bench.context, bench.hub->stop(), boost::asio::detached);
    test::settle(bench.context);
    EXPECT_TRUE(bench.run_ended);
}

// Without a hub URL the connection waits for a reload.
TEST(HubConnection, waits_for_a_hub_url) {
    Bench bench;
    bench.settings.hub_url.reset();
    bench.start();
    EXPECT_EQ(bench.state(), State::disconnected);

    Settings configured = bench.settings;
    configured.hub_url = *Url::parse("http://hub.test/hub");
    bench.hub->update(configured);
    test::settle(bench.context);
    EXPECT_EQ(bench.state(), State::connected);
}

// A reload that changes the hub URL moves the connection at once; one that only changes when to try again does not.
TEST(HubConnection, moves_to_a_new_hub_url) {
    Bench bench;
    bench.start();
    Settings changed = bench.settings;
    changed.reconnection_delay = 1s;
    changed.max_reconnection_delay = 2s;
    changed.max_reconnection_attempts = 7;
    changed.failed_retry_delay = 3s;
    changed.handshake_timeout = 4s;
    bench.hub->update(changed);
    test::settle(bench.context);
    EXPECT_EQ(bench.connector->posts(), 1U);

    changed.hub_url = *Url::parse("http://other.test/hub");
    bench.hub->update(changed);
    test::settle(bench.context);
    EXPECT_EQ(bench.state(), State::connected);
    EXPECT_EQ(bench.connector->requests.back().request.url.host(), "other.test");
    EXPECT_EQ(bench.connector->sockets.front()->closed_by_client, 1000);
}

// What a connection was made with cannot be changed under it: it is opened anew.
TEST(HubConnection, opens_a_new_connection_for_a_new_keep_alive_interval) {
    Bench bench;
    bench.start();
    Settings changed = bench.settings;
    changed.keep_alive_interval = 5s;
    bench.hub->update(changed);
    test::settle(bench.context);

    EXPECT_EQ(bench.connector->posts(), 2U);
    EXPECT_EQ(bench.state(), State::connected);
    const auto before = bench.socket().sent.size();
    bench.pass(6s);
    EXPECT_GT(bench.socket().sent.size(), before);
}

// Handlers are started in the order in which the hub sent the invocations, 10,000 of them in one frame.
TEST(HubConnection, starts_ten_thousand_handlers_in_order) {
    Bench bench;
    bench.settings.max_pending_invocations = 100;
    std::vector<int> started;
    auto& hub = bench.make();
    auto subscription = hub.on_result("Run", bind_result<int>([&](int number) -> Task<Result<json>> {
                                          started.push_back(number);
                                          co_return json(number);
                                      }));
    bench.start();
    std::string frame;
    for (int i = 0; i < 10'000; ++i) {
        frame += R"({"type":1,"invocationId":")" + std::to_string(i) + R"(","target":"Run","arguments":[)" +
                 std::to_string(i) + "]}\x1e";
    }
    bench.deliver(std::move(frame));

    ASSERT_EQ(started.size(), 10'000U);
    EXPECT_TRUE(std::ranges::is_sorted(started));
    EXPECT_EQ(bench.socket().records('3').size(), 10'000U);
}

// Records whose invocations are held stop the reading at 4 MiB; let go, it goes on, and nothing is lost.
TEST(HubConnection, pauses_reading_while_handlers_hold_much) {
    Bench bench;
    std::vector<std::shared_ptr<const void>> holds;
    std::size_t started = 0;
    auto& hub = bench.make();
    auto subscription = hub.on_result("Run", [&](Invocation invocation) -> Task<Result<json>> {
        ++started;
        holds.push_back(invocation.hold);
        co_return json();
    });
    bench.start();
    for (int i = 0; i < 20; ++i) {
        bench.deliver(R"({"type":1,"target":"Run","arguments":[")" + std::string(512 * 1024, 'x') + "\"]}\x1e");
    }
    EXPECT_EQ(started, 8U);
    holds.clear();
    test::settle(bench.context);
    EXPECT_EQ(started, 16U);
    holds.clear();
    test::settle(bench.context);
    EXPECT_EQ(started, 20U);
    EXPECT_EQ(bench.state(), State::connected);
}

// An id that is no id is not repeated in answers; the invocation is made all the same.
TEST(HubConnection, does_not_repeat_an_overlong_invocation_id) {
    Bench bench;
    int calls = 0;
    auto& hub = bench.make();
    auto subscription = hub.on_result("Run", bind_result<int>([&](int) -> Task<Result<json>> {
                                          ++calls;
                                          co_return json(1);
                                      }));
    bench.start();
    for (const std::size_t length : {16384U, 16385U}) {
        const std::string id(length, 'i');
        bench.deliver(R"({"type":1,"invocationId":")" + id + R"(","target":"Run","arguments":[1]})" + '\x1e' +
                      R"({"type":4,"invocationId":")" + id + R"(","target":"Run","arguments":[1]})" + '\x1e' +
                      R"({"type":1,"invocationId":")" + id + R"(","target":"Unknown","arguments":[]})" + '\x1e');
    }
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(bench.socket().records('3').size(), 3U) << "those of the id with 16 KiB";
    EXPECT_EQ(bench.state(), State::connected);
}

// A hub that agreed to acknowledge and never does: what is kept for it has an end, refusals included.
TEST(HubConnection, ends_a_stateful_connection_that_does_not_acknowledge) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.settings.max_resume_bytes = 1'000;
    bench.policy = test::fixed_policy({std::chrono::hours(1)});
    bench.connector->stateful = true;
    bench.start();
    const auto& socket = bench.socket();
    std::size_t refused = 0;
    for (; refused < 1'000 && bench.changes.back().to == State::connected; ++refused) {
        bench.deliver(R"({"type":4,"invocationId":"7","target":"Run","arguments":[]})"
                      "\x1e");
    }
    EXPECT_LT(refused, 100U);
    EXPECT_LE(socket.records('3').size(), 100U);
    ASSERT_NE(bench.changes.back().to, State::connected);
    EXPECT_EQ(bench.connector->sockets.size(), 1U) << "not resumed: that would begin with all of it";
    const auto& lost = bench.changes.back();
    ASSERT_TRUE(lost.error);
    EXPECT_EQ(lost.error->code, make_error_code(errc::not_acknowledged));
}

// Completions that wait for an Ack count as pending; the Ack is read all the same.
TEST(HubConnection, reads_on_while_only_an_ack_makes_room) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.settings.max_resume_bytes = 200;
    bench.settings.max_pending_invocations = 5;
    bench.policy = test::fixed_policy({std::chrono::hours(1)});
    bench.connector->stateful = true;
    auto& hub = bench.make();
    auto subscription =
        hub.on_result("Run", bind_result<int>([](int number) -> Task<Result<json>> { co_return json(number); }));
    bench.start();
    const auto invoke = [&bench](int id) {
        bench.deliver(R"({"type":1,"invocationId":")" + std::to_string(id) + R"(","target":"Run","arguments":[1]})" +
                      "\x1e");
    };
    for (int id = 1; id <= 14; ++id) invoke(id);
    const auto answered = bench.socket().records('3').size();
    EXPECT_LT(answered, 9U) << "the resume buffer is full, and more calls than may be pending wait for it";
    for (int round = 0; round < 14; ++round) {
        bench.deliver(R"({"type":8,"sequenceId":)" + std::to_string(bench.socket().records('3').size()) + "}\x1e");
    }
    EXPECT_EQ(bench.socket().records('3').size(), 14U);
    EXPECT_EQ(bench.state(), State::connected);

    for (int id = 15; id <= 100 && bench.state() == State::connected; ++id) invoke(id);
    ASSERT_NE(bench.state(), State::connected);
    EXPECT_EQ(bench.changes.back().error->code, make_error_code(errc::not_acknowledged));
}

// The hub's CancelInvocation cancels a running result handler, which is answered once.
TEST(HubConnection, hub_cancels_a_client_result) {
    Bench bench;
    auto& hub = bench.make();
    Event never(bench.context.get_executor());
    struct Wait {
        static Task<Result<json>> run(Event& event) {
            for (;;) co_await event.wait();
        }
    };
    auto subscription = hub.on_result("Slow", [&](Invocation) { return Wait::run(never); });
    bench.start();
    bench.deliver(R"({"type":1,"invocationId":"7","target":"Slow","arguments":[]})"
                  "\x1e");
    bench.deliver(R"({"type":5,"invocationId":"7"})"
                  "\x1e"
                  R"({"type":5,"invocationId":"7"})"
                  "\x1e");

    EXPECT_THAT(bench.socket().records('3'),
                ElementsAre(R"({"type":3,"invocationId":"7","error":"The invocation was cancelled."})"));
    EXPECT_EQ(bench.state(), State::connected);
}

// A call inside a handler works: handlers are off the read loop.
TEST(HubConnection, invokes_inside_a_handler) {
    Bench bench;
    auto& hub = bench.make();
    std::optional<json> answer;
    auto subscription = hub.on("Ask", [&](Invocation) -> Task<> {
        auto reply = co_await hub.invoke("Question", json::array());
        if (reply) answer = *reply;
    });
    bench.start();
    bench.deliver(R"({"type":1,"target":"Ask","arguments":[]})"
                  "\x1e");
    bench.deliver(R"({"type":3,"invocationId":"1","result":42})"
                  "\x1e");
    EXPECT_EQ(answer, json(42));
}

// A call's deadline passes: it fails by name and the hub is told.
TEST(HubConnection, call_has_a_deadline) {
    Bench bench;
    bench.start();
    std::optional<Result<std::optional<json>>> outcome;
    CallOptions options;
    options.deadline = 3s;
    bench.spawn<Result<std::optional<json>>>(bench.hub->invoke("Slow", json::array(), std::move(options)),
                                             [&](auto result) { outcome = std::move(result); });
    bench.pass(3s);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->error().code, errc::call_timeout);
    EXPECT_THAT(bench.socket().records('5'), ElementsAre(R"({"type":5,"invocationId":"1"})"));
}

Task<Result<std::optional<json>>> item_in_an_hour(Clock& clock) {
    co_await clock.sleep_for(1h);
    co_return std::optional<json>(1);
}

// A call that ends on this side ends its uploads too: the hub's method would wait for more items for ever.
TEST(HubConnection, ends_the_uploads_of_a_call_that_ends_here) {
    struct Case {
        const char* name;
        bool is_by_the_hub;
        errc code;
    };
    for (const auto& [name, is_by_the_hub, code] :
         {Case{"deadline", false, errc::call_timeout}, Case{"item of no stream", true, errc::protocol_error}}) {
        SCOPED_TRACE(name);
        Bench bench;
        bench.start();
        CallOptions options;
        options.deadline = 5s;
        options.uploads.push_back([&bench] { return item_in_an_hour(bench.clock); });
        std::optional<Result<std::optional<json>>> outcome;
        bench.spawn<Result<std::optional<json>>>(bench.hub->invoke("Up", json::array(), std::move(options)),
                                                 [&](auto result) { outcome = std::move(result); });
        const auto call = json::parse(bench.socket().records('1').at(0));
        if (is_by_the_hub) {
            bench.deliver(R"({"type":2,"invocationId":)" + call["invocationId"].dump() + ",\"item\":1}\x1e");
        } else {
            bench.pass(5s);
        }

        ASSERT_TRUE(outcome);
        EXPECT_EQ(outcome->error().code, code);
        EXPECT_EQ(bench.socket().records('5').size(), 1U);
        ASSERT_EQ(bench.socket().records('3').size(), 1U);
        EXPECT_EQ(json::parse(bench.socket().records('3')[0]),
                  json({{"type", 3}, {"invocationId", call["streamIds"][0]}, {"error", "Stream canceled by client."}}));
        bench.shut_down();
    }
}

// A removed handler is not called any more.
TEST(HubConnection, removes_a_handler) {
    Bench bench;
    auto& hub = bench.make();
    int calls = 0;
    auto subscription = hub.on("T", [&](Invocation) -> Task<> {
        ++calls;
        co_return;
    });
    bench.start();
    bench.deliver("{\"type\":1,\"target\":\"T\",\"arguments\":[]}\x1e");
    subscription.remove();
    bench.deliver("{\"type\":1,\"target\":\"T\",\"arguments\":[]}\x1e");
    EXPECT_EQ(calls, 1);
}

// While a consumer does not read its stream, reading pauses; nothing is lost and the server's silence does not count.
TEST(HubConnection, pauses_reading_for_a_slow_stream) {
    Bench bench;
    bench.settings.max_stream_items = 2;
    bench.start();
    std::optional<StreamReader> reader;
    bench.spawn<Result<StreamReader>>(bench.hub->stream("S", json::array()),
                                      [&](auto result) { reader = std::move(*result); });
    std::string items;
    for (int i = 0; i < 5; ++i) items += R"({"type":2,"invocationId":"1","item":)" + std::to_string(i) + "}\x1e";
    bench.deliver(items + "{\"type\":3,\"invocationId\":\"1\"}\x1e");
    bench.pass(60s);
    EXPECT_EQ(bench.state(), State::connected);

    std::vector<json> got;
    for (int i = 0; i < 6; ++i) {
        bench.spawn<Result<std::optional<json>>>(reader->next(), [&](auto item) {
            if (item && *item) got.push_back(**item);
        });
    }
    EXPECT_THAT(got, ElementsAre(0, 1, 2, 3, 4));
    reader.reset();
}

// Messages of a cut connection come again and are delivered once; ours are replayed from the first unacknowledged.
TEST(HubConnection, resumes_statefully) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    auto& hub = bench.make();
    std::vector<int> got;
    auto subscription = hub.on("T", bind<int>([&](int number) -> Task<> {
                                   got.push_back(number);
                                   co_return;
                               }));
    bench.start();
    for (const char* name : {"A", "B", "C"}) {
        bench.spawn<Result<void>>(hub.send(name, json::array()), [](auto) {});
    }
    bench.deliver("{\"type\":1,\"target\":\"T\",\"arguments\":[1]}\x1e{\"type\":8,\"sequenceId\":1}\x1e");
    bench.socket().cut();
    test::settle(bench.context);

    EXPECT_EQ(bench.connector->posts(), 1U);
    ASSERT_EQ(bench.connector->sockets.size(), 2U);
    EXPECT_EQ(bench.socket().handshake, "");
    EXPECT_THAT(bench.socket().sent,
                ElementsAre(R"({"type":9,"sequenceId":2})", R"({"type":1,"target":"B","arguments":[]})",
                            R"({"type":1,"target":"C","arguments":[]})"));
    bench.deliver(
        "{\"type\":9,\"sequenceId\":1}\x1e{\"type\":1,\"target\":\"T\",\"arguments\":[1]}\x1e"
        "{\"type\":1,\"target\":\"T\",\"arguments\":[2]}\x1e");
    EXPECT_THAT(got, ElementsAre(1, 2));
    EXPECT_THAT(bench.states(), ElementsAre(State::connecting, State::connected));
}

// The cut took our Ack: the hub replays, and may be waiting for room in its buffer.
TEST(HubConnection, acknowledges_again_what_is_replayed) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    bench.start();
    const std::string message = "{\"type\":1,\"target\":\"T\",\"arguments\":[1]}\x1e";
    bench.deliver(message);
    bench.pass(2s);
    const auto ack = R"({"type":8,"sequenceId":1})";
    EXPECT_THAT(bench.socket().records('8'), ElementsAre(ack));
    bench.socket().cut();
    test::settle(bench.context);
    bench.deliver("{\"type\":9,\"sequenceId\":1}\x1e" + message);
    bench.pass(2s);
    ASSERT_EQ(bench.connector->sockets.size(), 2U);
    EXPECT_THAT(bench.socket().records('8'), ElementsAre(ack));
}

// A resume has no delay, so it must not follow on one that led nowhere: cut at once, also after the hub's Sequence, or
// silent for the server timeout. Then the policy's delay comes, and a full start.
TEST(HubConnection, does_not_resume_a_resume_that_led_nowhere) {
    struct Case {
        const char* name;
        const char* said;
        Duration stood;
        bool resumes_again;
    };
    const std::string sequence = "{\"type\":9,\"sequenceId\":1}\x1e";
    for (const auto& [name, said, stood, resumes_again] :
         {Case{"cut at once", "", 0s, false}, Case{"silent", "", 30s, false},
          Case{"cut after a ping", "{\"type\":6}\x1e", 20s, false},
          Case{"cut after the Sequence", sequence.c_str(), 4s, false}, Case{"stood", sequence.c_str(), 5s, true}}) {
        SCOPED_TRACE(name);
        Bench bench;
        bench.random = test::FixedRandom({3'000'000'000});
        bench.settings.stateful_reconnect = true;
        bench.connector->stateful = true;
        bench.start();
        bench.socket().cut();
        test::settle(bench.context);
        bench.deliver(said);
        bench.advance(stood);
        if (stood < 30s) bench.socket().cut();
        test::settle(bench.context);

        EXPECT_EQ(bench.state(), resumes_again ? State::connected : State::reconnecting);
        EXPECT_EQ(bench.connector->sockets.size(), resumes_again ? 3U : 2U);
        bench.advance(3s);
        EXPECT_EQ(bench.state(), State::connected);
        EXPECT_EQ(bench.connector->sockets.size(), 3U);
        EXPECT_EQ(bench.connector->posts(), resumes_again ? 1U : 2U);
    }
}

// A resume is a request of its own: today's token, the cookies of the connection's server, and where a redirect led.
TEST(HubConnection, resumes_with_todays_credentials) {
    Bench bench;
    std::string token = "token-1";
    bench.credentials = [&token]() -> Result<Credentials> { return Credentials{Secret(token), Secret()}; };
    bench.settings.stateful_reconnect = true;
    auto negotiated = test::negotiate_answer("id1", true);
    negotiated.headers = {{"Set-Cookie", "route=n1; Path=/"}};
    bench.connector->answers.push_back(HttpResponse{200, {}, R"({"url":"http://hub.test/other"})"});
    bench.connector->answers.push_back(negotiated);
    bench.start();
    token = "token-2";
    bench.socket().cut();
    test::settle(bench.context);

    ASSERT_EQ(bench.connector->sockets.size(), 2U);
    const auto& request = bench.connector->requests.back().request;
    EXPECT_EQ(request.url.target(), "/other?id=token-id1");
    EXPECT_EQ(*find_header(request.headers, "Authorization"), "Bearer token-2");
    ASSERT_NE(find_header(request.headers, "Cookie"), nullptr);
    EXPECT_EQ(*find_header(request.headers, "Cookie"), "route=n1");
}

// What a redirect gave serves the connection that came of it.
TEST(HubConnection, resumes_with_the_token_of_a_redirect) {
    Bench bench;
    bench.credentials = []() -> Result<Credentials> { return Credentials{Secret("ours"), Secret()}; };
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    bench.connector->answers.push_back(
        HttpResponse{200, {}, R"({"url":"http://other.test/hub","accessToken":"theirs"})"});
    bench.start();
    bench.socket().cut();
    test::settle(bench.context);

    const auto& request = bench.connector->requests.back().request;
    EXPECT_TRUE(bench.connector->requests.back().is_upgrade);
    EXPECT_EQ(request.url.host(), "other.test");
    EXPECT_EQ(*find_header(request.headers, "Authorization"), "Bearer theirs");
}

// With stateful reconnect each WebSocket message holds whole records, and a replay is several messages: a cut in its
// midst leaves no half of a record in a server that goes on with the connection.
TEST(HubConnection, sends_whole_records_in_small_messages_where_it_can_resume) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    bench.start();
    bench.socket().send_is_stuck = true;
    const std::string large(3'000, 'x');
    for (int i = 0; i < 50; ++i) {
        bench.spawn<Result<void>>(bench.hub->send("Small", json::array({i})), [](auto) {});
    }
    bench.spawn<Result<void>>(bench.hub->send("Large", json::array({large})), [](auto) {});
    bench.spawn<Result<void>>(bench.hub->send("Small", json::array({50})), [](auto) {});
    const auto first = bench.connector->sockets.front();
    first->send_is_stuck = false;
    first->changed.notify();
    test::settle(bench.context);
    first->cut();
    test::settle(bench.context);
    ASSERT_EQ(bench.connector->sockets.size(), 2U);

    for (const auto& socket : bench.connector->sockets) {
        EXPECT_EQ(socket->records('1').size(), 52U);
        EXPECT_GT(socket->messages.size(), 3U);
        for (const auto& message : socket->messages) {
            const auto records = std::ranges::count(message, kRecordSeparator);
            EXPECT_TRUE(message.ends_with(kRecordSeparator));
            EXPECT_TRUE(message.size() <= 1'024 || records == 1) << message.size() << " bytes, records: " << records;
        }
    }
}

std::string redirect_to(const std::string& url) { return R"({"url":")" + url + R"("})"; }

// Negotiate is asked a hundred times at most; if the last answer redirects, too, that is a named failure.
TEST(HubConnection, negotiates_a_hundred_times_and_no_more) {
    const HttpResponse again{200, {}, redirect_to("http://hub.test/hub")};
    Bench patient;
    patient.connector->answers.assign(99, again);
    patient.start();
    EXPECT_EQ(patient.state(), State::connected);
    EXPECT_EQ(patient.connector->posts(), 100U);

    Bench bench;
    bench.settings.max_reconnection_attempts = 1;
    bench.connector->answers.assign(100, again);
    bench.start();
    EXPECT_EQ(bench.state(), State::failed);
    ASSERT_TRUE(bench.hub->last_error());
    EXPECT_EQ(bench.hub->last_error()->code, errc::too_many_redirects);
    EXPECT_EQ(bench.connector->posts(), 100U);
}

// Another host, port or scheme gets none of our credentials, neither at negotiate nor at the upgrade; the origin does.
TEST(HubConnection, sends_no_credentials_to_a_foreign_host) {
    struct Row {
        const char* name;
        const char* url;
        bool is_ours;
    };
    const Row rows[] = {
        {"same origin", "https://hub.test/other", true},
        {"another host", "https://evil.test/hub", false},
        {"our host as a prefix", "https://hub.test.evil.test/hub", false},
        {"our host as user information", "https://hub.test@evil.test/hub", false},
        {"another port", "https://hub.test:8443/hub", false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        Bench bench;
        bench.settings.hub_url = *Url::parse("https://hub.test/hub");
        bench.settings.headers = {
            {"Cookie", "canary-cookie=1"}, {"X-Functions-Key", "canary-header"}, {"User-Agent", "kept"}};
        bench.settings.tls.certificate = "canary.pem";
        bench.credentials = []() -> Result<Credentials> {
            return Credentials{Secret("canary-token"), Secret("canary-key")};
        };
        bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to(row.url)});
        bench.start();
        EXPECT_EQ(bench.state(), State::connected);
        ASSERT_EQ(bench.connector->requests.size(), 3U);
        for (std::size_t i = 0; i < 3; ++i) {
            const auto& request = bench.connector->requests[i].request;
            std::string all = test::full_text(request.url) + request.tls.certificate.string();
            for (const auto& [name, value] : request.headers) all += '\n' + name + ": " + value;
            EXPECT_THAT(all, HasSubstr("User-Agent: kept"));
            const bool has_token = all.find("canary-token") != std::string::npos;
            EXPECT_EQ(has_token, i == 0 || row.is_ours) << all;
            if (i > 0 && !row.is_ours) {
                EXPECT_THAT(all, testing::Not(HasSubstr("canary")));
            }
        }
    }
}

// A redirect out of TLS, to this machine, or with a token that would write more than a header: nothing is sent there.
TEST(HubConnection, refuses_redirects_that_lead_astray) {
    struct Row {
        const char* hub;
        const char* url;
        errc code;
    };
    const Row rows[] = {
        {"https://hub.test/hub", "http://hub.test/hub", errc::redirect_refused},
        {"https://hub.test/hub", "ws://hub.test/hub", errc::redirect_refused},
        {"https://hub.test/hub", "https://127.0.0.1/hub", errc::redirect_refused},
        {"https://hub.test/hub", "https://[::1]:11211/hub", errc::redirect_refused},
        {"http://hub.test/hub", "http://localhost:25/", errc::redirect_refused},
        {"http://hub.test/hub", "http://0.0.0.0:25/", errc::redirect_refused},
        {"http://hub.test/hub", "http://[::ffff:127.0.0.1]:25/", errc::redirect_refused},
        {"https://hub.test/hub", R"(https://evil.test/","accessToken":"x\r\n\r\nset a)", errc::credentials_failed},
        {"https://hub.test/hub", R"(https://evil.test/","accessToken":"x\u0000)", errc::credentials_failed},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.url);
        Bench bench;
        bench.settings.hub_url = *Url::parse(row.hub);
        bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to(row.url)});
        bench.start();
        for (const auto& seen : bench.connector->requests) {
            EXPECT_EQ(seen.request.url.host(), "hub.test");
        }
        ASSERT_TRUE(bench.hub->last_error());
        EXPECT_EQ(bench.hub->last_error()->code, row.code) << bench.hub->last_error()->message;
    }
}

// Where nobody may overhear the hub, what could not be configured is no target of a redirect either: what leads there
// is refused by its text, and everything that is not encrypted may end at this machine only.
TEST(HubConnection, is_not_led_to_where_it_would_be_overheard) {
    for (const char* target : {"http://hub.test/hub", "ws://10.0.0.1/hub"}) {
        Bench bench;
        bench.settings.hub_url = *Url::parse("http://127.0.0.1/hub");
        bench.settings.may_be_overheard = false;
        bench.policy = test::fixed_policy({});
        bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to(target)});
        bench.start();
        EXPECT_EQ(bench.connector->requests.size(), 1U) << target;
        EXPECT_EQ(bench.connector->requests[0].request.reach, jiro::http::Reach::this_machine);
        ASSERT_TRUE(bench.hub->last_error());
        EXPECT_EQ(bench.hub->last_error()->code, errc::redirect_refused);
    }
    Bench bench;
    bench.settings.hub_url = *Url::parse("http://127.0.0.1/hub");
    bench.settings.may_be_overheard = false;
    bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to("https://hub.test/hub")});
    bench.start();
    EXPECT_EQ(bench.state(), State::connected);
    EXPECT_EQ(bench.connector->requests.back().request.reach, jiro::http::Reach::anywhere);
}

// What a server elsewhere leads to must not resolve to this machine.
TEST(HubConnection, is_not_led_to_this_machine) {
    Bench bench;
    bench.settings.hub_url = *Url::parse("https://hub.test/hub");
    bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to("https://other.test/hub")});
    bench.start();
    ASSERT_EQ(bench.connector->requests.size(), 3U);
    EXPECT_EQ(bench.connector->requests[0].request.reach, jiro::http::Reach::anywhere);
    EXPECT_EQ(bench.connector->requests[1].request.reach, jiro::http::Reach::other_machines);
    EXPECT_EQ(bench.connector->requests[2].request.reach, jiro::http::Reach::other_machines);
}

// A reload that brings programs ends a connection that could be overheard, and leaves any other as it is.
TEST(HubConnection, leaves_a_hub_that_may_not_be_overheard_any_more) {
    for (const bool is_tls : {false, true}) {
        Bench bench;
        bench.settings.hub_url = *Url::parse("http://127.0.0.1/hub");
        const HttpResponse away{200, {}, redirect_to(is_tls ? "https://hub.test/hub" : "http://hub.test/hub")};
        bench.policy = test::fixed_policy({});
        bench.connector->answers.assign(2, away);
        bench.connector->answers.insert(bench.connector->answers.begin() + 1, test::negotiate_answer("a", false));
        bench.start();
        ASSERT_EQ(bench.state(), State::connected);
        auto settings = bench.settings;
        settings.may_be_overheard = false;
        bench.hub->update(settings);
        test::settle(bench.context);
        EXPECT_EQ(bench.state() == State::connected, is_tls);
        EXPECT_EQ(bench.connector->sockets.size(), 1U);
    }
}

// After a redirect it says where it is.
TEST(HubConnection, knows_where_a_redirect_led) {
    Bench bench;
    bench.settings.hub_url = *Url::parse("https://hub.test/hub");
    bench.connector->answers.push_back(HttpResponse{200, {}, redirect_to("https://other.test/chat?sig=secret")});
    test::LogCapture logs;
    bench.start();
    ASSERT_TRUE(bench.hub->connected_url());
    EXPECT_EQ(bench.hub->connected_url()->redacted(), "https://other.test/chat?sig=***");
    EXPECT_THAT(logs.text(), HasSubstr("hub=https://other.test/chat"));
}

// Tokens of a redirect, cookies and our own credentials take part, and are in no log line at any level: when it
// connects, when the redirect leads nowhere, and when the answer is refused.
TEST(HubConnection, redirect_tokens_and_cookies_stay_out_of_the_log) {
    const std::string token = R"(","accessToken":"canary-redirect)";
    for (const auto* target : {"https://hub.test/other?sig=canary-sig", "ftp://hub.test/canary-path"}) {
        SCOPED_TRACE(target);
        test::LogCapture logs;
        Bench bench;
        bench.settings.hub_url = *Url::parse("https://hub.test/hub");
        bench.settings.headers = {{"Cookie", "canary-cookie=1"}};
        bench.credentials = []() -> Result<Credentials> {
            return Credentials{Secret("canary-token"), Secret("canary-key")};
        };
        const HttpHeaders cookies{{"Set-Cookie", "session=canary-session; Secure"}};
        bench.connector->answers.push_back(HttpResponse{200, cookies, redirect_to(target + token)});
        bench.connector->answers.push_back(HttpResponse{500, cookies, R"({"error":"no"})"});
        bench.start();
        EXPECT_FALSE(logs.lines().empty());
        EXPECT_THAT(logs.text(), testing::Not(HasSubstr("canary-")));
    }
}

// Of the secrets that peers give a bounded number is remembered, the last ones, and of cookies those that are kept; our
// own stay. A chain that leaves an origin leaves its cookies: there is room for those of the next.
TEST(HubConnection, remembers_a_bounded_number_of_secrets) {
    Bench bench;
    bench.credentials = []() -> Result<Credentials> { return Credentials{Secret(), Secret("canary-own-key")}; };
    for (int hop = 0; hop < 90; ++hop) {
        HttpResponse answer{200, {}, redirect_to("http://hub.test/" + std::to_string(hop))};
        for (int i = 0; i < 4; ++i) {
            const auto value = "canary-" + std::to_string(hop) + '-' + std::to_string(i);
            answer.headers.emplace_back("Set-Cookie", "c" + std::to_string(i) + '=' + value + "; Path=/hub");
            answer.headers.emplace_back("Set-Cookie", "too-long=canary-too-long," + std::string(5000, 'x'));
        }
        bench.connector->answers.push_back(answer);
    }
    bench.connector->answers.back().value().body = redirect_to("http://other.test/hub");
    auto last = test::negotiate_answer("id1", false);
    last.headers = {{"Set-Cookie", "route=n1; Path=/"}};
    bench.connector->answers.push_back(last);
    bench.start();
    ASSERT_EQ(bench.state(), State::connected);
    const auto* cookie = find_header(bench.connector->requests.back().request.headers, "Cookie");
    ASSERT_NE(cookie, nullptr);
    EXPECT_EQ(*cookie, "route=n1");
    bench.deliver(R"({"type":7,"error":"canary-own-key canary-too-long canary-0-0 canary-89-3"})"
                  "\x1e");
    EXPECT_THAT(bench.hub->last_error()->message, HasSubstr("*** canary-too-long canary-0-0 ***"));
}

// A resume that the server refuses falls back to a full start.
TEST(HubConnection, refused_resume_falls_back) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    bench.start();
    bench.connector->upgrades.push_back(HttpResponse{404, {}, ""});
    bench.socket().cut();
    test::settle(bench.context);

    EXPECT_EQ(bench.connector->posts(), 2U);
    EXPECT_EQ(bench.hub->connection_id(), "id2");
}

// The full start after it heeds what the refusal asked for.
TEST(HubConnection, refused_resume_keeps_its_wait) {
    Bench bench;
    bench.settings.stateful_reconnect = true;
    bench.connector->stateful = true;
    bench.start();
    bench.connector->upgrades.push_back(HttpResponse{503, {{"Retry-After", "30"}}, ""});
    bench.socket().cut();
    test::settle(bench.context);
    EXPECT_EQ(bench.state(), State::reconnecting);
    bench.advance(29s);
    EXPECT_EQ(bench.connector->posts(), 1U);
    bench.advance(1s);
    EXPECT_EQ(bench.state(), State::connected);
}

// A hub that restarts says Close and then 1012: the one does not hide the other.
TEST(HubConnection, spreads_the_first_attempt_after_a_polite_restart) {
    Bench bench;
    bench.start();
    bench.socket().inbound.emplace_back("{\"type\":7,\"allowReconnect\":true}\x1e");
    bench.socket().close(1012);
    test::settle(bench.context);
    ASSERT_EQ(bench.state(), State::reconnecting);
    EXPECT_EQ(bench.changes.back().next_delay, Duration(5s));
    EXPECT_EQ(bench.hub->last_error()->code, errc::closed_by_server);
}

// The run task may be cancelled by its parent at any time; it still ends in order.
TEST(HubConnection, tolerates_cancellation_of_run) {
    Bench bench;
    bench.make();
    boost::asio::cancellation_signal signal;
    bool ended = false;
    boost::asio::co_spawn(
        bench.context, bench.hub->run(),
        boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { ended = true; }));
    test::settle(bench.context);
    EXPECT_EQ(bench.state(), State::connected);

    signal.emit(boost::asio::cancellation_type::terminal);
    test::settle(bench.context);
    EXPECT_TRUE(ended);
    EXPECT_EQ(bench.state(), State::disconnected);
}

}  // namespace
}  // namespace jiro::signalr
