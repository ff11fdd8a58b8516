// SPDX-License-Identifier: MIT
// Questions and answers through the real client, store and sockets of loopback, against an endpoint that behaves as it
// is told.
#include "jiro/assistant/assistant.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "assistant/context.hpp"
#include "assistant/session_file.hpp"
#include "assistant/wire.hpp"
#include "jiro/assistant/errors.hpp"
#include "jiro/base/json.hpp"
#include "support/disk_faults.hpp"
#include "support/log_capture.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"
#include "unit/assistant/fake_endpoint.hpp"

namespace jiro::assistant {
namespace {

using namespace std::chrono_literals;
using namespace test;
using nlohmann::json;
using testing::HasSubstr;

class FakeTools final : public ToolBox {
  public:
    std::vector<Tool> tools(const std::vector<std::string>& names) const override {
        std::vector<Tool> all;
        for (const auto& name : names) all.push_back({name, "what it does", R"({"type":"object","properties":{}})"});
        return all;
    }
    Task<std::string> call(std::string name, std::string arguments, std::string) override {
        calls.push_back(name + arguments);
        co_return result.empty() ? "result of " + name : result;
    }
    std::vector<std::string> calls;
    std::string result;
};

struct Chatting : testing::Test {
    Chatting() {
        settings.model = "test-model";
        settings.endpoint = *Url::parse(endpoint.url());
        settings.timeout = 5s;
        settings.idle_timeout = 2s;
    }

    Assistant& assistant() {
        if (!made) {
            Assistant::Parts parts{executor, clock, random, {}, [this] { return Result<Credentials>(credentials); },
                                   sessions, &tools};
            made = std::make_unique<Assistant>(std::move(parts), settings);
        }
        return *made;
    }

    ExchangeEnd ask(const std::string& text, const std::string& session = "s") {
        Ask question;
        question.session_id = session;
        question.text = text;
        const auto exchange = assistant().ask(std::move(question));
        jiro::test::run_task(context, exchange->until_ended());
        return exchange->end();
    }

    std::vector<SessionMessage> messages(const std::string& session = "s") {
        MessagePage page;
        page.max_bytes = 10'000'000;
        return *jiro::test::run_task(context, sessions.messages(session, page));
    }

    jiro::test::TempDir folder;
    boost::asio::io_context context{1};
    Executor executor = context.get_executor();
    SystemClock clock;
    SystemRandom random;
    Credentials credentials{{}, Secret("canary-key")};
    Settings settings;
    FakeEndpoint endpoint{executor};
    jiro::test::DiskFaults faults;  // before any thread is in SQLite
    Sessions sessions{clock, folder.path() / "sessions.db", settings};
    FakeTools tools;
    std::unique_ptr<Assistant> made;
};

// The main path: the question in the endpoint's words, the answer word by word, both in the session.
TEST_F(Chatting, answers_and_remembers) {
    endpoint.answer(stream_head() + word("Hel") + word("lo") + the_end(20, 2));
    settings.system_prompt = "Be brief.";
    settings.temperature = 0.5;
    auto end = ask("Hi \"there\"\nJiro");
    ASSERT_FALSE(end.error) << end.error->message;
    EXPECT_EQ(end.answer, "Hello");
    EXPECT_EQ(end.prompt_tokens, 20);
    EXPECT_EQ(end.completion_tokens, 2);
    EXPECT_THAT(endpoint.heads[0], HasSubstr("POST /v1/chat/completions HTTP/1.1"));
    EXPECT_THAT(endpoint.heads[0], HasSubstr("Authorization: Bearer canary-key"));
    const auto body = json_or_null(endpoint.bodies[0]);
    EXPECT_EQ(body["model"], "test-model");
    EXPECT_EQ(body["messages"], json::parse(R"([{"role":"system","content":"Be brief."},
        {"role":"user","content":"Hi \"there\"\nJiro"}])"));
    ask("again");
    EXPECT_EQ(json_or_null(endpoint.bodies[1])["messages"].size(), 4U);
    const auto kept = messages();
    ASSERT_EQ(kept.size(), 4U);
    EXPECT_EQ(kept[0].content, "Hi \"there\"\nJiro");
    EXPECT_EQ(kept[1].content, "Hello");
    EXPECT_EQ(assistant().figures().answered, 2U);
}

// An answer that is over at a limit of tokens is one, but says so to everybody, and the model is told it as it came.
TEST_F(Chatting, an_answer_that_is_cut_short_says_so) {
    const std::string sentence = "\n\n*(The answer was cut off here, at its limit of tokens: Chat.MaxTokens";
    for (const char* reason : {"length", "model_length", "max_tokens"}) {
        jiro::test::LogCapture log;
        FakeEndpoint brief(executor);
        brief.answer(stream_head() + word("Take 5 mg; never") + the_end(12, 3, reason));
        settings.endpoint = *Url::parse(brief.url());
        assistant().update(settings);
        const auto end = ask("how much?", reason);
        ASSERT_FALSE(end.error) << end.error->message;
        EXPECT_TRUE(end.is_cut_short);
        EXPECT_THAT(end.words(), testing::StartsWith("Take 5 mg; never" + sentence));
        EXPECT_THAT(end.note(), HasSubstr("cut off"));
        EXPECT_EQ(messages(reason)[1].content, "Take 5 mg; never\n\n*(The answer was cut off here.)*");
        EXPECT_THAT(log.text(), HasSubstr("A question was answered, but the answer is cut off"));
        ask("go on", reason);
        EXPECT_EQ(json_or_null(brief.bodies[1])["messages"][1]["content"], "Take 5 mg; never");
    }
}

// Many servers give no reason for the end.
TEST_F(Chatting, an_answer_without_a_finish_reason_is_whole) {
    endpoint.answer(stream_head() + word("all of it") + event("[DONE]"));
    const auto end = ask("hello");
    EXPECT_EQ(end.words(), "all of it");
    EXPECT_EQ(messages()[1].content, "all of it");
}

// A call whose arguments may be half of what they should be is not made.
TEST_F(Chatting, a_call_that_is_cut_short_is_not_made) {
    settings.tools = {"load"};
    const auto call = R"({"choices":[{"delta":{"tool_calls":[{"id":"c","function":{"name":"load"}}]}}]})";
    endpoint.answer(stream_head() + event(call) + the_end(12, 3, "length"));
    const auto end = ask("hello");
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, errc::empty_answer);
    EXPECT_THAT(tools.calls, testing::IsEmpty());
}

// Of the time in which it wrote; of all its time, when it came at once.
TEST(ExchangeEnd, says_what_it_took) {
    ExchangeEnd end;
    end.prompt_tokens = 812;
    end.completion_tokens = 64;
    end.first_token = 400ms;
    end.time = 2400ms;
    EXPECT_EQ(end.note(), "812 tokens in, 64 out, first after 0.4 s, 2.4 s, 32.0 tokens/s");
    end.first_token = 2399ms;
    EXPECT_NEAR(end.tokens_per_second(), 26.7, 0.1);
    end = ExchangeEnd{};
    EXPECT_EQ(end.tokens_per_second(), 0);
}

struct Misbehaviour {
    const char* name;
    FakeEndpoint::Script script;
    errc expected;
    std::string says;
    std::string kept;  // of the answer, in the session; empty: none
};

std::vector<Misbehaviour> misbehaviours() {
    const std::string json_type = "application/json";
    const auto complaint = [&](int status, const char* code, const char* message) {
        return response(status, json_type,
                        std::string(R"({"error":{"message":")") + message + R"(","code":")" + code + "\"}}");
    };
    return {
        {"401",
         {{complaint(401, "invalid_api_key", "Incorrect API key: canary-key")}},
         errc::unauthorized,
         "the key was not accepted",
         ""},
        {"402", {{complaint(402, "", "no money")}}, errc::payment_required, "quota", ""},
        {"quota",
         {{complaint(429, "insufficient_quota", "You exceeded your quota")}},
         errc::payment_required,
         "quota is used up",
         ""},
        {"a byte order mark before its words",
         {{response(400, json_type,
                    "\xEF\xBB\xBF{\"error\":{\"message\":\"boom\",\"code\":\"context_length_exceeded\"}}")}},
         errc::context_too_long,
         "boom",
         ""},
        {"403", {{complaint(403, "", "no")}}, errc::forbidden, "may not use this", ""},
        {"model",
         {{complaint(404, "model_not_found", "no such model")}},
         errc::model_not_found,
         "does not know the model \"test-model\"",
         ""},
        {"ollama's words",
         {{response(404, json_type, R"({"error":"model \"x\" not found, try pulling it"})")}},
         errc::model_not_found,
         "Chat.Model",
         ""},
        {"no API", {{response(404, "text/html", "<html>")}}, errc::not_an_api, "ends with /v1", ""},
        {"too long",
         {{complaint(400, "context_length_exceeded", "maximum context length is 4096")}},
         errc::context_too_long,
         "\"reset\" begins anew",
         ""},
        {"429", {{complaint(429, "rate_limit", "slow down")}}, errc::rate_limited, "too many requests", ""},
        {"500", {{response(500, "text/plain", "boom")}}, errc::endpoint_failed, "the endpoint failed", ""},
        {"redirect",
         {{response(302, "text/plain", "", "Location: http://127.0.0.1:1/v2\r\n")}},
         errc::redirected,
         "http://127.0.0.1:1/v2",
         ""},
        {"a web page", {{response(200, "text/html", "<html>hello</html>")}}, errc::not_an_api, "no JSON object", ""},
        {"other JSON", {{response(200, json_type, "{\"ok\":true}")}}, errc::bad_answer, "no choices", ""},
        {"no HTTP", {{"SSH-2.0-OpenSSH\r\n"}}, errc::connection_lost, "no usable HTTP answer", ""},
        {"a fat header",
         {{"HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n"}},
         errc::connection_lost,
         "got an answer whose header is too long",
         ""},
        {"silence and an end", {{"", 10ms}}, errc::connection_lost, "no usable HTTP answer", ""},
        {"cut", {{stream_head() + word("half an")}}, errc::connection_lost, "hung up in the middle", "half an"},
        {"stall",
         {{stream_head() + word("some")}, {"", FakeEndpoint::kForEver}},
         errc::idle_timeout,
         "Chat.IdleTimeoutMs",
         "some"},
        {"no first token", {{stream_head()}, {"", FakeEndpoint::kForEver}}, errc::timeout, "Chat.TimeoutMs", ""},
        {"endless",
         {{stream_head() + word("a"), 0ms},
          {word("b"), 100ms},
          {word("c"), 100ms},
          {word("d"), 100ms},
          {word("e"), 100ms},
          {word("f"), 100ms},
          {word("g"), 100ms},
          {"", FakeEndpoint::kForEver}},
         errc::timeout,
         "Chat.TimeoutMs",
         "abcd"},
        {"broken JSON",
         {{stream_head() + word("so") + event("{\"choices\":[{")}},
         errc::bad_answer,
         "cannot be read",
         "so"},
        {"error in the stream",
         {{stream_head() + word("so") + event(R"({"error":{"message":"out of memory"}})")}},
         errc::endpoint_failed,
         "out of memory",
         "so"},
        {"llama.cpp's error",
         {{stream_head() + word("so") +
           "error: {\"code\":500,\"message\":\"slot gone\",\"type\":\"server_error\"}\n\n"}},
         errc::endpoint_failed,
         "broke the answer off (it says: slot gone)",
         "so"},
        {"an event of the type error",
         {{stream_head() + word("so") + "event: error\n" + event("out of memory")}},
         errc::endpoint_failed,
         "(it says: out of memory)",
         "so"},
        {"error as the reason",
         {{stream_head() + word("so") + the_end(12, 3, "error")}},
         errc::endpoint_failed,
         "broke the answer off",
         "so"},
        {"huge line",
         {{stream_head() + "data: " + std::string(2 * 1024 * 1024, 'x')}},
         errc::too_large,
         "more than an answer",
         ""},
        {"huge text",
         {{stream_head() + word(std::string(700'000, 'x')) + word(std::string(700'000, 'y'))}},
         errc::too_large,
         "longer than 1048576",
         "x"},
        {"empty", {{stream_head() + the_end()}}, errc::empty_answer, "empty answer", ""},
        {"length", {{stream_head() + the_end(12, 3, "length")}}, errc::empty_answer, "can raise Chat.MaxTokens", ""},
        {"refusal",
         {{response(200, json_type,
                    R"({"choices":[{"message":{"content":null,"refusal":"I can't help with that."},)"
                    R"("finish_reason":"stop"}]})")}},
         errc::refused,
         "the model refuses: I can't help with that.",
         "I can't help with that."},
        {"filter",
         {{stream_head() + event(R"({"choices":[{"delta":{},"finish_reason":"content_filter"}]})")}},
         errc::refused,
         "content filter",
         ""},
    };
}

// Whatever an endpoint does, the user gets a sentence that says what, the question is kept, and so is what came.
TEST_F(Chatting, names_every_misbehaviour) {
    settings.idle_timeout = 150ms;
    int number = 0;
    for (auto& row : misbehaviours()) {
        FakeEndpoint bad(executor);
        bad.answer(std::move(row.script));
        settings.endpoint = *Url::parse(bad.url());
        settings.timeout = row.expected == errc::timeout ? 400ms : 20'000ms;
        assistant().update(settings);
        const auto session = std::to_string(++number);
        const auto end = ask("question", session);
        ASSERT_TRUE(end.error) << row.name;
        EXPECT_EQ(end.error->code, row.expected) << row.name << ": " << end.error->message;
        EXPECT_THAT(end.words(), HasSubstr(row.says)) << row.name;
        EXPECT_EQ(end.words().find("canary"), std::string::npos) << row.name;
        const auto kept = messages(session);
        ASSERT_EQ(kept.size(), row.kept.empty() ? 1U : 2U) << row.name;
        EXPECT_EQ(kept[0].content, "question");
        EXPECT_THAT(row.kept.empty() ? "" : kept[1].content, testing::StartsWith(row.kept)) << row.name;
    }
}

TEST_F(Chatting, an_endpoint_that_is_away_is_named) {
    settings.endpoint = *Url::parse("http://127.0.0.1:1/v1");
    const auto end = ask("hello");
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, errc::unreachable);
    EXPECT_THAT(end.error->message, HasSubstr("the model's endpoint cannot be reached: connecting to 127.0.0.1:1"));
}

// An endpoint may repeat the key that it was sent, wherever it speaks: no error has it, whole or in part.
TEST_F(Chatting, the_key_is_in_no_error) {
    const std::string type = "application/json";
    const auto says = [](const std::string& what) { return R"({"error":{"message":")" + what + R"("}})"; };
    const auto refusal = R"({"choices":[{"message":{"refusal":"not with canary-key"}}]})";
    for (const std::string& bytes : {
             response(401, type, says("Incorrect key: canary-key")),
             response(401, type, says("Incorrect key: %63anary%2Dkey")),
             response(401, type, says("Incorrect key: Y2FuYXJ5LWtleQ==")),
             response(200, type, says("Incorrect key: canary\\u002dkey")),
             stream_head() + word("so") + event(says("Incorrect key: canary-key")),
             response(400, type, says(std::string(490, 'x') + "canary-key")),
             response(200, type, says(std::string(950, 'x') + "canary-key")),
             response(302, type, "", "Location: http://127.0.0.1:1/" + std::string(190, 'x') + "canary-key\r\n"),
             response(200, type, refusal),
         }) {
        FakeEndpoint talkative(executor);
        talkative.answer(bytes);
        settings.endpoint = *Url::parse(talkative.url());
        assistant().update(settings);
        const auto end = ask("hello");
        ASSERT_TRUE(end.error) << bytes;
        EXPECT_EQ(end.words().find("anary"), std::string::npos) << end.words();
        EXPECT_EQ(end.words().find("Y2FuYXJ5"), std::string::npos) << end.words();
        EXPECT_LT(end.error->message.size(), 1200U);
    }
}

// A refusal whose body does not end is told all the same, and a wait that it asks for is kept.
TEST_F(Chatting, a_refusal_without_an_end_is_told) {
    settings.timeout = 1s;
    const std::string rest = "Content-Length: 1000\r\n\r\n{\"error\"";
    endpoint.answer({{"HTTP/1.1 401 X\r\n" + rest}, {"", FakeEndpoint::kForEver}});
    const auto end = ask("hello");
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, errc::unauthorized) << end.error->message;
    FakeEndpoint busy(executor);
    busy.answer({{"HTTP/1.1 429 X\r\nRetry-After: 0\r\n" + rest}, {"", FakeEndpoint::kForEver}});
    busy.answer(stream_head() + word("again") + the_end());
    settings.endpoint = *Url::parse(busy.url());
    assistant().update(settings);
    EXPECT_EQ(ask("hello").words(), "again");
}

// What nobody reads may be a number that no double holds.
TEST_F(Chatting, a_number_out_of_range_breaks_nothing_off) {
    endpoint.answer(stream_head() + event(R"({"logprob":-1e999,"choices":[{"delta":{"content":"one"}}]})") + the_end());
    const auto end = ask("hello");
    EXPECT_FALSE(end.error) << end.error->message;
}

// A wait that the endpoint asks for is kept, once.
TEST_F(Chatting, waits_once_as_asked) {
    endpoint.answer(response(429, "application/json", "{}", "Retry-After: 1\r\n"));
    endpoint.answer(stream_head() + word("ok") + the_end());
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(ask("hello").answer, "ok");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);

    FakeEndpoint busy(executor);
    busy.answer(response(429, "application/json", "{}", "Retry-After: 3600\r\n"));
    settings.endpoint = *Url::parse(busy.url());
    assistant().update(settings);
    EXPECT_EQ(ask("hello").error->code, errc::rate_limited);
    EXPECT_EQ(busy.bodies.size(), 1U);
}

// Characters cut between pieces and events come whole; usage that is missing is estimated; a server that does not
// stream is understood; newer models' name for max_tokens is learned.
TEST_F(Chatting, lives_with_what_endpoints_do) {
    const std::string text = stream_head() + word("\xF0\x9F\x9A\x80 gr\xC3\xBC\xC3\x9F") +
                             event(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})");
    FakeEndpoint::Script script;
    for (const char c : text) script.push_back({std::string(1, c)});
    endpoint.answer(std::move(script));
    auto end = ask("hello");
    ASSERT_FALSE(end.error) << end.error->message;
    EXPECT_EQ(end.answer, "\xF0\x9F\x9A\x80 gr\xC3\xBC\xC3\x9F");
    EXPECT_TRUE(end.is_estimated);
    EXPECT_GT(end.prompt_tokens, 0);

    FakeEndpoint plain(executor);
    plain.answer(response(400, "application/json",
                          R"({"error":{"message":"Use 'max_completion_tokens' instead of 'max_tokens'."}})"));
    plain.answer(response(200, "application/json; charset=utf-8",
                          "\xEF\xBB\xBF"
                          R"({"choices":[{"message":{"role":"assistant","content":"whole )"
                          "\xFF"
                          R"("},)"
                          R"("finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}})"));
    settings.endpoint = *Url::parse(plain.url());
    settings.max_tokens = 77;
    assistant().update(settings);
    end = ask("hello");
    ASSERT_FALSE(end.error) << end.error->message;
    EXPECT_EQ(end.answer, "whole \xEF\xBF\xBD");
    EXPECT_EQ(json_or_null(plain.bodies[0])["max_tokens"], 77);
    EXPECT_EQ(json_or_null(plain.bodies[1])["max_completion_tokens"], 77);
}

std::string chunk(const std::string& text) {
    std::ostringstream head;
    head << std::hex << text.size();
    return head.str() + "\r\n" + text + "\r\n";
}

// Once a finish_reason has come the answer is whole, however the connection ends; an error is one even then.
TEST_F(Chatting, an_answer_is_whole_with_its_finish_reason) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto finish = event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
    const auto usage = event(R"({"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}})");
    const std::string whole = head + chunk(word("whole") + finish);
    FakeEndpoint::Script pings{{whole + chunk(usage)}};
    FakeEndpoint::Script trailers{{whole + chunk(usage) + "0\r\n"}};
    for (int i = 0; i < 100; ++i) {
        pings.push_back({chunk(": ping\n\n"), 50ms});
        trailers.push_back({"X: " + std::string(100, 'y') + "\r\n", 50ms});
    }
    const std::vector<std::pair<const char*, FakeEndpoint::Script>> ends{
        {"hung up", {{whole + chunk(usage)}}},
        {"hung up in a chunk", {{whole + chunk(usage) + "5\r\nda"}}},
        {"nothing more", {{whole + chunk(usage)}, {"", FakeEndpoint::kForEver}}},
        {"figures that come late", {{whole}, {chunk(usage), 50ms}, {"", FakeEndpoint::kForEver}}},
        {"pings", pings},
        {"trailers", trailers},
        {"a line without end", {{whole + chunk(usage) + chunk(std::string(2 * 1024 * 1024, 'x'))}}},
    };
    settings.timeout = 2s;
    settings.idle_timeout = 150ms;
    for (const auto& [name, script] : ends) {
        FakeEndpoint odd(executor);
        odd.answer(script);
        settings.endpoint = *Url::parse(odd.url());
        assistant().update(settings);
        const auto end = ask("question", name);
        EXPECT_EQ(end.words(), "whole") << name;
        EXPECT_EQ(end.prompt_tokens, 12) << name;
    }
    endpoint.answer(head + chunk(word("so") + finish + event(R"({"error":{"message":"out of memory"}})")));
    settings.endpoint = *Url::parse(endpoint.url());
    assistant().update(settings);
    EXPECT_THAT(ask("question").words(), HasSubstr("out of memory"));
}

// Some gateways say finish_reason with each piece.
TEST_F(Chatting, an_answer_goes_on_behind_a_finish_reason_of_each_piece) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto finish = event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
    const auto last = event("[DONE]");
    endpoint.answer({{head + chunk(word("a") + finish)},
                     {chunk(word("b") + finish), 50ms},
                     {chunk(word("c") + finish), 3500ms},
                     {chunk(word("d") + finish + last), 50ms}});
    settings.timeout = 30s;
    settings.idle_timeout = 20s;
    assistant().update(settings);
    EXPECT_EQ(ask("question").words(), "abcd");
}

// An endpoint that takes max_tokens under one name alone.
std::string refuses(const std::string& name) {
    return response(400, "application/json", R"({"error":{"message":")" + name + R"(: see max_completion_tokens"}})");
}

// Each question knows by which name it sent max_tokens: two at once learn it both.
TEST_F(Chatting, two_questions_learn_the_name_of_max_tokens) {
    settings.max_tokens = 77;
    endpoint.answer({{refuses("max_tokens"), 100ms}});
    endpoint.answer({{refuses("max_tokens"), 100ms}});
    endpoint.answer(stream_head() + word("ok") + the_end());
    std::vector<std::shared_ptr<Exchange>> exchanges;
    for (const char* session : {"s", "t"}) {
        Ask question;
        question.session_id = session;
        question.text = "hello";
        exchanges.push_back(assistant().ask(std::move(question)));
    }
    for (const auto& exchange : exchanges) {
        jiro::test::run_task(context, exchange->until_ended());
        EXPECT_EQ(exchange->end().words(), "ok");
    }
    EXPECT_FALSE(ask("again").error);
    EXPECT_EQ(endpoint.bodies.size(), 5U);  // it is known
}

// A refusal that only speaks of the name: the question is not told what the other name was refused for.
TEST_F(Chatting, a_refusal_of_both_names_is_the_first_ones) {
    settings.max_tokens = 77;
    endpoint.answer(
        response(400, "application/json", R"({"error":{"message":"77 is too large for max_completion_tokens"}})"));
    endpoint.answer(refuses("the other"));
    const auto end = ask("hello");
    ASSERT_TRUE(end.error);
    EXPECT_THAT(end.error->message, HasSubstr("77 is too large"));
    EXPECT_THAT(end.error->message, HasSubstr("; under the other name: "));
    EXPECT_EQ(endpoint.bodies.size(), 2U);
}

// What an endpoint taught is forgotten with it, and an endpoint may change its mind.
TEST_F(Chatting, what_was_learned_is_true_of_one_model) {
    settings.max_tokens = 77;
    endpoint.answer(refuses("max_tokens"));
    endpoint.answer(stream_head() + word("ok") + the_end(8000, 3));
    ASSERT_FALSE(ask("hello").error);
    const auto body = [](const FakeEndpoint& of) { return json_or_null(of.bodies.back()); };
    EXPECT_TRUE(body(endpoint).contains("max_completion_tokens"));
    endpoint.answer(refuses("max_completion_tokens"));
    endpoint.answer(stream_head() + word("ok") + the_end(8000, 3));
    ASSERT_FALSE(ask("hello").error);  // the answer that was repeated
    EXPECT_TRUE(body(endpoint).contains("max_completion_tokens"));
    ASSERT_FALSE(ask("hello").error);
    EXPECT_TRUE(body(endpoint).contains("max_tokens"));
    EXPECT_EQ(endpoint.bodies.size(), 5U);

    FakeEndpoint second(executor);
    second.answer(stream_head() + word("ok") + the_end(0, 0));
    settings.endpoint = *Url::parse(second.url());
    assistant().update(settings);
    const auto end = ask("hello", "new");
    EXPECT_EQ(body(second)["max_tokens"], 77);
    EXPECT_LT(end.prompt_tokens, 20);  // estimated at 3 bytes a token, not at half a byte
}

// A piece may carry something else than the answer, and a character may be cut between two pieces.
TEST(Wire, takes_what_a_piece_has) {
    const auto text_of = [](std::initializer_list<const char*> pieces) {
        Completion completion;
        for (const char* piece : pieces) {
            const auto added = add_piece({.data = piece}, completion);
            if (!added) return "error: " + added.error().message;
        }
        return completion.text;
    };
    const auto* hello = R"({"choices":[{"delta":{"content":"hello"}}]})";
    EXPECT_EQ(text_of({R"({"type":"ping"})", hello, R"({"choices":null,"usage":{"prompt_tokens":1}})"}), "hello");

    const auto* first = R"({"choices":[{"delta":{"content":"a\\\ud83d"}}]})";
    const auto* second = R"({"choices":[{"delta":{"content":"\uDE80b"}}]})";
    EXPECT_EQ(text_of({first, R"({"type":"ping"})", second}),
              "a\\\xF0\x9F\x9A\x80"
              "b");
    EXPECT_EQ(text_of({R"({"choices":[{"delta":{"content":"\ud83d\ude80 \\ud83d \ud83d"}}]})", second}),
              "\xF0\x9F\x9A\x80 \\ud83d \xF0\x9F\x9A\x80"
              "b");
    EXPECT_EQ(text_of({first, hello}), "a\\hello");

    EXPECT_EQ(text_of({second}),
              "\xEF\xBF\xBD"
              "b");
    EXPECT_THAT(text_of({R"({"choices":5})"}), HasSubstr("no list"));

    Completion counted;
    const auto* usage = R"({"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":-1}})";
    ASSERT_TRUE(add_piece({.data = usage}, counted));
    EXPECT_EQ(counted.usage->prompt_tokens, 1'000'000'000);
    EXPECT_EQ(counted.usage->completion_tokens, 0);
    EXPECT_THAT(text_of({R"("hello")"}), HasSubstr("no JSON object"));
    EXPECT_THAT(text_of({R"({"object":"error","message":"out of memory"})"}), HasSubstr("out of memory"));
}

// What somebody else is meant by breaks nothing off: an event without data, a ping with a name and any data. Names of
// events say nothing else.
TEST_F(Chatting, passes_over_events_of_others) {
    const auto pings = "data:\n\nevent: ping\ndata: ping\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nid: 1\n\n: x\n\n";
    endpoint.answer(stream_head() + word("Hel") + pings + "event: chunk\n" + word("lo") + "event: done\n" +
                    event("[DONE]"));
    const auto end = ask("hello");
    ASSERT_FALSE(end.error) << end.error->message;
    EXPECT_EQ(end.answer, "Hello");
}

// Cancelling stops the model within a second; what came is kept and marked.
TEST_F(Chatting, cancelling_keeps_what_came) {
    endpoint.answer({{stream_head() + word("first part")}, {"", FakeEndpoint::kForEver}});
    Ask question;
    question.session_id = "s";
    question.text = "tell me all";
    const auto exchange = assistant().ask(std::move(question));
    jiro::test::run_task(context, exchange->until_more());
    EXPECT_EQ(exchange->text(), "first part");
    const auto begun = std::chrono::steady_clock::now();
    exchange->cancel("cancelled by the hub");
    jiro::test::run_task(context, exchange->until_ended());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
    EXPECT_EQ(exchange->end().error->code, errc::cancelled);
    const auto kept = messages();
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_THAT(kept[1].content, HasSubstr("first part\n\n*(The answer was cut off here.)*"));
    endpoint.answer(stream_head() + word("ok") + the_end());
}

// While an answer comes, what has come is in the file: kill -9 loses no more than a second of it.
TEST_F(Chatting, a_half_answer_is_in_the_file) {
    endpoint.answer({{stream_head() + word("half")}, {word(" more") + the_end(), 1500ms}});
    Ask question;
    question.session_id = "s";
    question.text = "tell me";
    const auto exchange = assistant().ask(std::move(question));
    const auto look = [&]() -> Task<std::string> {
        for (;;) {
            auto found = co_await sessions.messages("s", {});
            if (found && found->size() == 2 && !exchange->has_ended()) co_return found->back().content;
            if (exchange->has_ended()) co_return "too late";
            co_await clock.sleep_for(20ms);
        }
    };
    auto looking = look();
    std::string seen;
    for (seen = jiro::test::run_task(context, std::move(looking)); seen.empty();) {
        auto again = look();
        seen = jiro::test::run_task(context, std::move(again));
    }
    EXPECT_EQ(seen, "half");
    jiro::test::run_task(context, exchange->until_ended());
    EXPECT_EQ(messages().back().content, "half more");
}

// One exchange at a time in a session, in their order; another session does not wait.
TEST_F(Chatting, one_at_a_time_in_a_session) {
    endpoint.answer({{stream_head() + word("a"), 200ms}, {the_end(), 200ms}});
    std::vector<std::shared_ptr<Exchange>> exchanges;
    for (const char* session : {"s", "s", "t"}) {
        Ask question;
        question.session_id = session;
        question.text = "hello";
        exchanges.push_back(assistant().ask(std::move(question)));
    }
    jiro::test::run_task(context, exchanges[2]->until_ended());
    EXPECT_FALSE(exchanges[1]->has_ended());
    jiro::test::run_task(context, exchanges[1]->until_ended());
    ASSERT_TRUE(exchanges[0]->has_ended());
    EXPECT_FALSE(exchanges[1]->end().error);
    EXPECT_EQ(messages("s").size(), 4U);
    EXPECT_EQ(json_or_null(endpoint.bodies.back())["messages"].size(), 3U);  // it knew the one before
}

// Who comes in the moment in which the session is free does not go ahead of who waits.
TEST_F(Chatting, first_come_first_served_in_a_session) {
    endpoint.answer(stream_head() + word("a") + the_end());
    const auto in_session = [&](const std::string& text) {
        Ask question;
        question.session_id = "s";
        question.text = text;
        return assistant().ask(std::move(question));
    };
    const auto first = in_session("first");
    const auto second = in_session("second");
    const auto come_when_first_ends = [&]() -> Task<std::shared_ptr<Exchange>> {
        co_await first->until_ended();
        co_return in_session("third");
    };
    auto coming = come_when_first_ends();
    const auto third = jiro::test::run_task(context, std::move(coming));
    jiro::test::run_task(context, third->until_ended());
    ASSERT_TRUE(second->has_ended());
    EXPECT_THAT(endpoint.bodies.at(1), testing::Not(HasSubstr("third")));
}

// A turn of the model's that calls `name`, `count` times at once.
std::string call_of(const std::string& name, const std::string& arguments = "{}", int count = 1,
                    const std::string& text = "") {
    json calls = json::array();
    for (int i = 0; i < count; ++i) {
        const auto id = "c" + std::to_string(i);
        calls.push_back({{"id", id}, {"function", {{"name", name}, {"arguments", arguments}}}});
    }
    const json choice{{"message", {{"content", text}, {"tool_calls", calls}}}, {"finish_reason", "tool_calls"}};
    return response(200, "application/json", json{{"choices", {choice}}}.dump());
}

std::string whole_answer(const std::string& text, const std::string& finish_reason = "stop") {
    const json choice{{"message", {{"content", text}}}, {"finish_reason", finish_reason}};
    return response(200, "application/json", json{{"choices", {choice}}}.dump());
}

struct Summarizing : Chatting {
    // A conversation that does not fit any more: the next question asks for a summary of it.
    void talk_long(const std::string& question = "question ") {
        settings.context_tokens = 1000;
        settings.max_tokens = 100;
        endpoint.answer(stream_head() + word(std::string(500, 'x')) + the_end(0, 0));
        for (int i = 0; i < 4; ++i) ask(question + std::to_string(i));
        settings.endpoint = *Url::parse(later.url());
        settings.context_tokens = 600;
        assistant().update(settings);
    }
    // What the model was told ahead of the latest question.
    std::string told() { return json_or_null(later.bodies.back())["messages"][0]["content"].get<std::string>(); }

    std::string yes = stream_head() + word("yes") + the_end(0, 0);
    FakeEndpoint later{executor};
};

// What does not fit is summarized once, and the summary is told from then on.
TEST_F(Summarizing, older_exchanges_are_summarized) {
    talk_long();
    later.answer(whole_answer("They spoke of x."));
    later.answer(yes);
    ASSERT_FALSE(ask("do you remember?").error);
    ASSERT_EQ(later.bodies.size(), 2U);
    EXPECT_THAT(later.bodies[0], HasSubstr("question 1"));
    EXPECT_THAT(later.bodies[1], HasSubstr("They spoke of x."));
    ask("and now?");
    EXPECT_EQ(later.bodies.size(), 3U);
    EXPECT_THAT(later.bodies[2], HasSubstr("They spoke of x."));
}

// A summary is no longer than its share, whatever the model writes, and one that is longer already is told as far as
// that; where a question leaves it no room, it is not told.
TEST_F(Summarizing, a_summary_has_its_share) {
    talk_long();
    later.answer(whole_answer(std::string(900'000, 'S')));
    later.answer(yes);
    ASSERT_FALSE(ask("do you remember?").error);
    EXPECT_LT(later.bodies.back().size(), 2000U);
    EXPECT_THAT(told(), testing::EndsWith("SSS..."));
    jiro::test::run_task(context, sessions.set_summary("s", std::string(900'000, 'T'), 1'000));
    ask("and now?");
    EXPECT_LT(later.bodies.back().size(), 2000U);
    EXPECT_THAT(told(), testing::EndsWith("TTT..."));
    ask(std::string(1400, 'q'));
    EXPECT_EQ(told(), std::string(1400, 'q'));
    ask("and now?");
    EXPECT_THAT(told(), testing::EndsWith("TTT..."));
}

// One that ended at its limit of tokens is most of one.
TEST_F(Summarizing, a_summary_that_is_cut_short_is_kept) {
    talk_long();
    later.answer(whole_answer("They spoke of", "length"));
    later.answer(yes);
    ask("do you remember?");
    EXPECT_THAT(told(), testing::EndsWith("They spoke of..."));
}

// Without a summary the one before stays.
TEST_F(Summarizing, no_summary_replaces_none) {
    talk_long();
    jiro::test::run_task(context, sessions.set_summary("s", "They spoke of x.", 1));
    later.answer(call_of("load"));
    later.answer(yes);
    ASSERT_FALSE(ask("do you remember?").error);
    ASSERT_EQ(later.bodies.size(), 2U);
    EXPECT_THAT(told(), testing::EndsWith("They spoke of x."));
}

// Nor are texts in the log when no summary comes of them.
TEST_F(Summarizing, the_endpoints_words_stay_out_of_the_log) {
    talk_long("canary-question ");
    jiro::test::LogCapture log;
    later.answer(response(400, "application/json", R"({"error":{"message":"flagged: canary-question"}})"));
    later.answer(yes);
    ASSERT_FALSE(ask("do you remember?").error);
    EXPECT_THAT(log.text(), HasSubstr("could not be summarized"));
    EXPECT_EQ(log.text().find("canary"), std::string::npos) << log.text();
}

// The model calls what the operator listed, in fragments, and no more often than it may.
TEST_F(Chatting, tools_are_called_as_allowed) {
    settings.tools = {"load"};
    settings.max_tool_calls = 1;
    const auto fragment = [](const std::string& call) {
        return event(R"({"choices":[{"delta":{"tool_calls":[{"index":0,)" + call + R"(}]}}]})");
    };
    endpoint.answer(stream_head() + fragment(R"("id":"c1","function":{"name":"load","arguments":""})") +
                    fragment(R"("function":{"arguments":"{\"a\""})") + fragment(R"("function":{"arguments":":1}"})") +
                    event(R"({"choices":[{"delta":{},"finish_reason":"tool_calls"}]})") + event("[DONE]"));
    endpoint.answer(stream_head() + word("The load is low.") + the_end());
    const auto end = ask("how busy is it?");
    ASSERT_FALSE(end.error) << end.error->message;
    EXPECT_EQ(end.answer, "The load is low.");
    EXPECT_EQ(end.tool_calls, 1);
    EXPECT_THAT(tools.calls, testing::ElementsAre(R"(load{"a":1})"));
    const auto second = json_or_null(endpoint.bodies[1]);
    EXPECT_FALSE(second.contains("tools"));
    EXPECT_EQ(second["messages"][2]["content"], "result of load");
    EXPECT_EQ(second["messages"][2]["tool_call_id"], "c1");
    EXPECT_EQ(json_or_null(endpoint.bodies[0])["tools"][0]["function"]["name"], "load");
}

// A model that never stops calling is asked no more often than it may call, also when it calls what there is not.
TEST_F(Chatting, a_model_that_only_calls_is_not_asked_without_end) {
    settings.tools = {"load"};
    settings.max_tool_calls = 2;
    for (const char* name : {"load", "lookup"}) {
        FakeEndpoint eager(executor);
        eager.answer(call_of(name));
        settings.endpoint = *Url::parse(eager.url());
        assistant().update(settings);
        const auto end = ask("hello", name);
        ASSERT_TRUE(end.error);
        EXPECT_EQ(end.error->code, errc::too_many_tool_calls) << end.error->message;
        EXPECT_EQ(end.tool_calls, 2);
        ASSERT_EQ(eager.bodies.size(), 3U) << name;
        EXPECT_FALSE(json_or_null(eager.bodies[2]).contains("tools"));
    }
    EXPECT_EQ(tools.calls.size(), 2U);
}

// What calls and texts of tools add is no more than the model can take; a call without room for it loses its arguments.
TEST_F(Chatting, turns_with_tools_have_their_limit_of_bytes) {
    settings.tools = {"load"};
    tools.result = std::string(100'000, 'r');
    endpoint.answer(call_of("load", "{}", 2));
    endpoint.answer(stream_head() + word("done") + the_end());
    EXPECT_EQ(ask("hello", "texts").answer, "done");
    const auto texts = json_or_null(endpoint.bodies[1]);
    EXPECT_LT(endpoint.bodies[1].size(), 3U * 8192 + 2000);
    EXPECT_THAT(texts["messages"][2]["content"].get<std::string>(), testing::EndsWith("r\n(cut)"));
    EXPECT_EQ(texts["messages"][3]["content"], "\n(cut)");
    EXPECT_FALSE(texts.contains("tools"));

    FakeEndpoint wordy(executor);
    wordy.answer(call_of("load", std::string(100'000, 'a'), 2));
    wordy.answer(stream_head() + word("done") + the_end());
    settings.endpoint = *Url::parse(wordy.url());
    assistant().update(settings);
    EXPECT_EQ(ask("hello", "arguments").tool_calls, 0);
    const auto arguments = json_or_null(wordy.bodies[1]);
    EXPECT_EQ(arguments["messages"][1]["tool_calls"][1]["function"]["arguments"], "{}");
    EXPECT_THAT(arguments["messages"][3]["content"].get<std::string>(), HasSubstr("not called: the limit"));
    EXPECT_FALSE(arguments.contains("tools"));
}

// Nor does it matter whether it is said in one turn or in several, in one call or in several.
TEST_F(Chatting, an_answer_of_many_turns_is_no_longer_than_one) {
    settings.tools = {"load"};
    endpoint.answer(call_of("load", "{}", 1, std::string(700'000, 'x')));
    auto end = ask("hello", "texts");
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, errc::too_large);
    EXPECT_EQ(endpoint.bodies.size(), 2U);
    FakeEndpoint wordy(executor);
    wordy.answer(call_of("load", std::string(100'000, 'a'), 3));
    settings.endpoint = *Url::parse(wordy.url());
    assistant().update(settings);
    end = ask("hello", "arguments");
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, errc::too_large);
    EXPECT_EQ(wordy.bodies.size(), 1U);
}

TEST(Context, admits_calls_in_their_order) {
    const std::vector<ToolCall> calls{{"1", "load", "12345"}, {"2", "load", "1234567890"}, {"3", "load", ""}};
    const auto admitted = [&](int max_calls, std::size_t max_bytes) {
        auto some = calls;
        return admit(some, max_calls, max_bytes);
    };
    EXPECT_EQ(admitted(3, 30), 3U);
    EXPECT_EQ(admitted(2, 30), 2U);
    EXPECT_EQ(admitted(3, 24), 1U);  // not the third: it may need the second's result
    EXPECT_EQ(admitted(3, 9), 0U);
}

// Whatever a reload changes is in force with the next question.
TEST_F(Chatting, an_update_is_in_force_with_the_next_question) {
    endpoint.answer(response(200, "application/json", R"({"choices":[{"message":{"content":"ok"}}]})"));
    ASSERT_FALSE(ask("first", "one").error);
    const auto changed = [&](auto change, const std::string& session = "new") {
        change();
        assistant().update(settings);
        return ask("next", session);
    };
    const auto request = [&] { return json_or_null(endpoint.bodies.back()); };
    changed([&] { settings.system_prompt = "Be brief."; });
    EXPECT_EQ(request()["messages"][0]["content"], "Be brief.");
    changed([&] { settings.system_prompt_file = folder.write("prompt", "From a file.\n"); });
    EXPECT_EQ(request()["messages"][0]["content"], "From a file.");
    const auto end = changed([&] { settings.system_prompt_file = folder.path() / "none"; });
    EXPECT_EQ(end.error->code, errc::prompt_file);
    settings.system_prompt_file.clear();
    changed([&] { settings.max_tokens = 5; });
    EXPECT_EQ(request()["max_tokens"], 5);
    changed([&] { settings.temperature = 1.5; });
    EXPECT_EQ(request()["temperature"], 1.5);
    changed([&] { settings.stream = false; });
    EXPECT_EQ(request()["stream"], false);
    EXPECT_GT(request()["messages"].size(), 4U);
    changed([&] { settings.context_tokens = 20; });
    EXPECT_EQ(request()["messages"].size(), 2U);

    // The other way to the endpoint: through a proxy, by TLS.
    FakeEndpoint proxy(executor);
    proxy.answer("HTTP/1.1 407 no\r\n\r\n");
    EXPECT_EQ(changed([&] { settings.proxy = *Url::parse(proxy.url()); }).error->code, errc::unreachable);
    settings.proxy.reset();
    const auto by_tls = "https" + endpoint.url().substr(4);
    settings.connect_timeout = 100ms;
    EXPECT_THAT(changed([&] {
                    settings.endpoint = *Url::parse(by_tls);
                    settings.tls.ca = folder.path() / "no-ca";
                }).error->message,
                HasSubstr("no-ca"));
    settings.tls.ca.clear();
    const auto begun = clock.now();
    EXPECT_EQ(changed([&] { settings.tls.verify = false; }).error->code, errc::unreachable);
    EXPECT_LT(clock.now() - begun, 2s);  // connect_timeout: the endpoint speaks no TLS
    settings.endpoint = *Url::parse(endpoint.url());
    changed([&] { settings.max_sessions = 1; });
    EXPECT_EQ(jiro::test::run_task(context, sessions.list(10))->total, 1U);
    EXPECT_EQ(changed([&] { settings.timeout = 1ms; }).error->code, errc::timeout);
}

// A conversation of 10,000 exchanges costs no more memory than what the model is told of it.
TEST_F(Chatting, a_long_conversation_costs_little) {
    const auto elsewhere = folder.path() / "long.db";  // the sessions' thread may have its own file open already
    {
        SessionFile file(elsewhere);
        static_cast<void>(file.begin({"long", "i", "question", "q", "a", clock.wall_now(), 0}));
        file.write_answer("a", std::string(500, 'a'), AnswerState::whole, 1, clock.wall_now());
    }
    {
        Database database(elsewhere.string(), Database::Mode::read_write);
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000), k(is_user) AS (VALUES "
            "(1), "
            "(0)) INSERT INTO Messages (Id, Content, InstanceId, SessionId, IsUser, CreatedAt, Type) SELECT i || '-' "
            "|| "
            "is_user, hex(zeroblob(250)), 'i', 'long', is_user, '2026-01-01 00:00:00', 0 FROM n, k ORDER BY i, is_user "
            "DESC");
    }
    ASSERT_TRUE(jiro::test::run_task(context, sessions.import_from(elsewhere)));
    const auto resident = [] {
        std::ifstream file("/proc/self/statm");
        long pages = 0;
        file >> pages >> pages;
        return pages * sysconf(_SC_PAGESIZE);
    };
    endpoint.answer(stream_head() + word("ok") + the_end());
    ASSERT_FALSE(ask("warm up", "short").error);
    const auto before = resident();
    EXPECT_EQ(ask("and now?", "long").answer, "ok");
    EXPECT_EQ(messages("long").size(), 100U);  // a page
    EXPECT_LT(resident() - before, 10L * 1024 * 1024);
}

// Neither texts nor the key are in the log unless the operator wants it.
TEST_F(Chatting, texts_stay_out_of_the_log) {
    jiro::test::LogCapture log;
    endpoint.answer(stream_head() + word("canary-answer") + the_end());
    ask("canary-question");
    FakeEndpoint bad(executor);
    bad.answer(response(400, "application/json", R"({"error":{"message":"bad: canary-question"}})"));
    settings.endpoint = *Url::parse(bad.url());
    assistant().update(settings);
    EXPECT_THAT(ask("canary-question").error->message, HasSubstr("canary-question"));
    EXPECT_EQ(log.text().find("canary"), std::string::npos) << log.text();
}

// What cannot be stored is not asked, since it would be paid for and lost.
TEST_F(Chatting, what_cannot_be_stored_is_not_asked) {
    endpoint.answer(stream_head() + word("ok") + the_end());
    ASSERT_FALSE(ask("before").error);
    faults.fail_writes(ENOSPC);
    const auto end = ask("during");
    EXPECT_THAT(end.words(), HasSubstr("the question cannot be stored, so it is not asked: no space is left"));
    EXPECT_EQ(endpoint.bodies.size(), 1U);
    EXPECT_EQ(assistant().figures().failed.at("storage_full"), 1U);
    EXPECT_THAT(assistant().figures().storage_problem, HasSubstr("no space is left"));
    faults.fail_writes(0);
    EXPECT_EQ(ask("after").answer, "ok");
}

// The disk is full when the answer comes: it is given all the same, and says that it is not in the session.
TEST_F(Chatting, an_answer_that_cannot_be_stored_is_given) {
    endpoint.answer({{stream_head() + word("Hel")}, {word("lo") + the_end(), 300ms}});
    Ask question;
    question.session_id = "s";
    question.text = "hello";
    const auto exchange = assistant().ask(std::move(question));
    jiro::test::run_task(context, exchange->until_more());
    faults.fail_writes(EDQUOT);
    jiro::test::run_task(context, exchange->until_ended());
    EXPECT_FALSE(exchange->end().error);
    EXPECT_THAT(exchange->end().words(), HasSubstr("Hello\n\n(This is not in the session: no space is left"));
}

TEST_F(Chatting, limits_of_a_question) {
    EXPECT_EQ(ask("  \n").error->code, errc::empty_text);
    EXPECT_THAT(ask(std::string(kMaxTextBytes + 1, 'x')).words(), HasSubstr("over the limit of 1048576 bytes"));
    EXPECT_EQ(ask("x", "a\nb").error->code, errc::bad_session_id);
    EXPECT_TRUE(endpoint.bodies.empty());
}

}  // namespace
}  // namespace jiro::assistant
