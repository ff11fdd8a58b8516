// SPDX-License-Identifier: MIT
#include "daemon/requests/request_router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/requests/answers.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

class RequestRouterTest : public ::testing::Test {
  protected:
    RequestRouterTest() : gate_(context_.get_executor()) {}

    RequestTargets targets() {
        RequestTarget target;
        target.name = "Echo";
        target.kind = config::RequestKind::machine;
        target.answer = [this](Request request) { return answer(std::move(request)); };
        target.refuse = [](const Request& request, const std::string& why) {
            return action_failed(request.id, why, why);
        };
        RequestTargets targets;
        targets.push_back(std::move(target));
        return targets;
    }

    Task<Result<json>> answer(Request request) {
        ++started_;
        static_cast<void>(request.members.number("Limit", 0, 100));
        if (request.members.flag("Throw")) throw std::runtime_error("a secret of the inside");
        if (request.members.flag("Fail")) co_return Error(signalr::errc::internal, "it cannot be answered");
        while (request.members.flag("Wait") && !is_open_) co_await gate_.wait();
        co_return action_succeeded(request.id, request.members.text("Text"));
    }

    json ask(json arguments, std::string invocation_id = "s1") {
        auto answer = test::run_task(context_, router_.receive(invocation(std::move(arguments), invocation_id)));
        return answer ? std::move(*answer) : json("an error Completion");
    }

    static signalr::Invocation invocation(json arguments, const std::string& invocation_id) {
        signalr::Invocation made;
        made.target = "Echo";
        made.invocation_id = invocation_id;
        made.arguments = std::move(arguments);
        return made;
    }

    void spawn(json argument) {
        auto arguments = json::array();
        arguments.push_back(std::move(argument));
        boost::asio::co_spawn(context_, router_.receive(invocation(std::move(arguments), "s")),
                              [this](std::exception_ptr failed, Result<json> answer) {
                                  if (!failed && answer) answers_.push_back(std::move(*answer));
                              });
        test::settle(context_);
    }

    std::uint64_t count(RequestEnd end) { return router_.counts().at("Echo").at(static_cast<std::size_t>(end)); }

    boost::asio::io_context context_{1};
    test::ManualClock clock_;
    Event gate_;
    bool is_open_ = false;
    int started_ = 0;
    std::vector<json> answers_;
    RequestRouter router_{context_.get_executor(), clock_, targets(), {}, 32768};
};

// Hubs write members in either case; the answer repeats the RequestId.
TEST_F(RequestRouterTest, reads_members_in_any_case_and_repeats_the_id) {
    for (const char* text : {R"([{"requestId":"r1","text":"hi"}])", R"([{"RequestId":"r1","Text":"hi"}])",
                             R"([{"REQUESTID":"r1","tEXT":"hi"}])"}) {
        const json answer = ask(json::parse(text));
        EXPECT_EQ(answer["RequestId"], "r1") << text;
        EXPECT_EQ(answer["Message"], "hi") << text;
    }
}

// Whatever comes as the argument, the answer has the target's shape, and is never an error.
TEST_F(RequestRouterTest, malformed_requests_get_the_targets_shape) {
    const struct {
        const char* name;
        json arguments;
        const char* why;
    } rows[] = {
        {"none", json::array(), "expected 1 argument, got 0"},
        {"two", json::array({json::object(), json::object()}), "expected 1 argument, got 2"},
        {"long id in JSON", json::array({json{{"requestId", std::string(1024, '\1')}, {"x", 1}}}), "RequestId: is too"},
        {"text", json::array({"text"}), "expected an object"},
        {"list", json::array({json::array({1})}), "expected an object"},
        {"number as id", json::array({json{{"requestId", 5}, {"x", 1}}}), "RequestId: expected a text"},
        {"text as number", json::array({json{{"requestId", "r"}, {"limit", "5"}}}), "Limit: expected a whole number"},
        {"fraction", json::array({json{{"requestId", "r"}, {"limit", 1.5}}}), "Limit: expected a whole number"},
        {"out of range", json::array({json{{"requestId", "r"}, {"limit", -1}}}), "Limit: expected 0 to 100"},
        {"number as flag", json::array({json{{"requestId", "r"}, {"fail", 1}}}), "Fail: expected true or false"},
        {"long member", json::array({json{{"requestId", "r"}, {"text", std::string(1024 * 1024, 'x')}}}),
         "Text: is longer than 1024 bytes"},
        {"long id", json::array({json{{"requestId", std::string(100 * 1024, 'x')}, {"text", ""}}}),
         "RequestId: is longer than 1024 bytes"},
    };
    for (const auto& row : rows) {
        const json answer = ask(row.arguments);
        ASSERT_TRUE(answer.is_object()) << row.name;
        EXPECT_EQ(answer["IsSuccess"], false) << row.name;
        EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr(row.why)) << row.name;
        EXPECT_LT(json_bytes(answer), 4096U) << row.name;
    }
    EXPECT_EQ(count(RequestEnd::malformed), std::size(rows));
    EXPECT_EQ(ask(json::array({json{{"requestId", "r"}, {"limit", "5"}}}))["RequestId"], "r");
    EXPECT_EQ(ask(json::array({json{{"requestId", "r"}}, 1}))["RequestId"], "r");
}

// What would make the server close the connection is refused instead.
TEST_F(RequestRouterTest, an_answer_is_no_longer_than_a_message_may_be) {
    router_.update({}, 4096);
    const json answer = ask(json::array({json{{"requestId", "r"}, {"text", std::string(1024, '\1')}}}));
    EXPECT_EQ(answer["IsSuccess"], false);
    EXPECT_EQ(answer["RequestId"], "r");
    EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr("WebSocket.MaxSendBytes"));
    EXPECT_EQ(count(RequestEnd::failed), 1U);
}

// null is a request without members, and what a request has besides is passed over.
TEST_F(RequestRouterTest, null_and_unknown_members_are_no_fault) {
    EXPECT_EQ(ask(json::array({nullptr}))["IsSuccess"], true);
    EXPECT_EQ(ask(json::array({json{{"requestId", nullptr}, {"whatIsThis", json::array({1, 2})}}}))["IsSuccess"], true);
}

// A record with more values than are read comes to the router with what stood before them.
TEST_F(RequestRouterTest, a_request_with_too_many_values_is_refused) {
    auto large = invocation(json::array({json{{"requestId", "r"}, {"text", ""}}}), "s1");
    large.over_limit = Error(signalr::errc::too_many_values, "too many values");
    const auto answer = test::run_task(context_, router_.receive(std::move(large)));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)["IsSuccess"], false);
    EXPECT_EQ((*answer)["RequestId"], "r");
}

TEST_F(RequestRouterTest, what_the_operator_does_not_allow_is_refused) {
    config::HubSettings settings;
    settings.requests = config::RequestKinds();
    router_.update(settings, 32768);
    const json answer = ask(json::array({{{"requestId", "r"}}}));
    EXPECT_EQ(answer["IsSuccess"], false);
    EXPECT_EQ(answer["RequestId"], "r");
    EXPECT_EQ(answer["Message"], "not allowed on this machine");
    EXPECT_EQ(started_, 0);
    EXPECT_EQ(count(RequestEnd::not_allowed), 1U);
}

// A handler's error is told; what an exception says is not.
TEST_F(RequestRouterTest, failures_have_the_targets_shape) {
    const json failed = ask(json::array({json{{"requestId", "r"}, {"fail", true}}}));
    EXPECT_EQ(failed["Message"], "it cannot be answered");
    EXPECT_EQ(failed["RequestId"], "r");
    const json thrown = ask(json::array({json{{"requestId", "r"}, {"throw", true}}}));
    EXPECT_EQ(thrown["Message"], "internal error");
    EXPECT_EQ(count(RequestEnd::failed), 2U);
}

// Of a thousand at once, few run, some wait, and the rest hears at once that it is too much.
TEST_F(RequestRouterTest, a_thousand_at_once_are_bounded) {
    for (int i = 0; i < 1000; ++i) spawn({{"requestId", std::to_string(i)}, {"wait", true}});
    EXPECT_EQ(started_, static_cast<int>(RequestRouter::kMaxRunning));
    EXPECT_EQ(count(RequestEnd::busy), 1000 - RequestRouter::kMaxRunning - RequestRouter::kMaxWaiting);
    is_open_ = true;
    for (int i = 0; i < 100; ++i) {
        gate_.notify();
        test::settle(context_);
    }
    EXPECT_EQ(answers_.size(), 1000U);
    EXPECT_EQ(count(RequestEnd::answered), RequestRouter::kMaxRunning + RequestRouter::kMaxWaiting);
}

TEST_F(RequestRouterTest, an_answer_that_takes_too_long_is_given_up) {
    spawn({{"requestId", "slow"}, {"wait", true}});
    clock_.advance(RequestRouter::kTimeLimit);
    test::settle(context_);
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_EQ(answers_[0]["IsSuccess"], false);
    EXPECT_EQ(answers_[0]["RequestId"], "slow");
    EXPECT_EQ(count(RequestEnd::timed_out), 1U);
    EXPECT_EQ(ask(json::array({json::object()}))["IsSuccess"], true);  // its slot is free
}

}  // namespace
}  // namespace jiro::daemon
