// SPDX-License-Identifier: MIT
#include "dev_hub/dev_hub.hpp"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <future>
#include <thread>

#include "dev_hub/control.hpp"
#include "jiro_hub.grpc.pb.h"
#include "support/temp_dir.hpp"

namespace jiro::dev_hub {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using nlohmann::json;

const std::string kHandshake = "{\"protocol\":\"json\",\"version\":1}\x1e";

// The hub on a thread of its own, so that the tests can speak to it with blocking clients.
class RunningHub {
  public:
    explicit RunningHub(Options options = {}) : hub_(context_.get_executor(), std::move(options)) {
        auto started = hub_.start();
        if (!started) throw std::runtime_error(started.error().message);
        endpoints = *started;
        thread_ = std::thread([this] { context_.run(); });
    }
    ~RunningHub() {
        run(hub_.stop());
        work_.reset();
        context_.stop();
        thread_.join();
    }

    template <typename T>
    T run(Task<T> task) {
        return asio::co_spawn(context_, std::move(task), asio::use_future).get();
    }
    template <typename T>
    std::future<T> begin(Task<T> task) {
        return asio::co_spawn(context_, std::move(task), asio::use_future);
    }
    template <typename Function>
    auto on_loop(Function function) {
        return asio::post(context_, asio::use_future(function)).get();
    }
    void misbehave(const std::string& line) {
        const auto done = run(hub_.misbehave(*parse_misbehaviour(line)));
        ASSERT_TRUE(done) << done.error().message;
    }

    DevHub& hub() { return hub_; }
    asio::io_context& context() { return context_; }
    Endpoints endpoints;

  private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
    DevHub hub_;
    std::thread thread_;
};

http::response<http::string_body> request(const RunningHub& hub, http::verb verb, const std::string& target,
                                          const std::string& authorization = {}) {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect({asio::ip::make_address("127.0.0.1"), hub.endpoints.hub_port});
    http::request<http::string_body> message(verb, target, 11);
    message.set(http::field::host, "127.0.0.1");
    if (!authorization.empty()) message.set(http::field::authorization, authorization);
    message.prepare_payload();
    http::write(socket, message);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    return response;
}

// A WebSocket that speaks literal records.
class RawClient {
  public:
    explicit RawClient(const RunningHub& hub, const std::string& query = {}, const std::string& authorization = {})
        : socket_(context_) {
        socket_.next_layer().connect({asio::ip::make_address("127.0.0.1"), hub.endpoints.hub_port});
        socket_.set_option(beast::websocket::stream_base::decorator([&](beast::websocket::request_type& message) {
            if (!authorization.empty()) message.set(http::field::authorization, authorization);
        }));
        socket_.handshake(answer, "127.0.0.1", "/instanceHub" + query, upgrade_error);
    }
    void write(const std::string& text) { socket_.write(asio::buffer(text)); }
    // The next record without its separator; "closed CODE" or "lost" at the end.
    std::string read() {
        while (records_.find('\x1e') == std::string::npos) {
            boost::system::error_code error;
            beast::flat_buffer buffer;
            socket_.read(buffer, error);
            if (error == beast::websocket::error::closed) return "closed " + std::to_string(socket_.reason().code);
            if (error) return "lost";
            records_ += beast::buffers_to_string(buffer.data());
        }
        auto record = records_.substr(0, records_.find('\x1e'));
        records_.erase(0, record.size() + 1);
        return record;
    }
    std::string shake_hands() {
        write(kHandshake);
        return read();
    }

    beast::websocket::response_type answer;
    boost::system::error_code upgrade_error;

  private:
    asio::io_context context_;
    beast::websocket::stream<tcp::socket> socket_;
    std::string records_;
};

grpc::Status deliver(const RunningHub& hub, const std::string& id, const std::string& text, bool* success = nullptr,
                     const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    const auto channel =
        grpc::CreateChannel("127.0.0.1:" + std::to_string(hub.endpoints.grpc_port), grpc::InsecureChannelCredentials());
    const auto stub = JiroHubProto::JiroHubProto::NewStub(channel);
    JiroHubProto::ClientMessage message;
    message.set_commandname("echo");
    message.set_commandsyncid(id);
    message.set_issuccess(true);
    message.mutable_textresult()->set_response(text);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
    JiroHubProto::CommandResultResponse response;
    const auto status = stub->SendCommandResult(&context, message, &response);
    if (success != nullptr) *success = response.success();
    return status;
}

std::string argument_of(const std::string& record, const char* member) {
    return json::parse(record).at("arguments").at(0).at(member).get<std::string>();
}

// The whole way: negotiate, upgrade with the token, handshake, command out, result in over gRPC.
TEST(DevHub, sends_a_command_and_takes_its_result) {
    RunningHub hub;
    const auto negotiated = request(hub, http::verb::post, "/instanceHub/negotiate?negotiateVersion=1");
    ASSERT_EQ(negotiated.result_int(), 200U);
    const auto ids = json::parse(negotiated.body());
    RawClient client(hub, "?id=" + ids.at("connectionToken").get<std::string>());
    EXPECT_EQ(client.shake_hands(), "{}");
    ASSERT_TRUE(hub.run(hub.hub().wait_for_client(std::chrono::seconds(20))));
    EXPECT_EQ(hub.on_loop([&] { return hub.hub().clients(); }).at(0).connection_id,
              ids.at("connectionId").get<std::string>());

    SendRequest send;
    send.command.text = "echo hi";
    auto outcome = hub.begin(hub.hub().send(send));
    const auto record = client.read();
    EXPECT_EQ(json::parse(record).at("target"), "ReceiveCommand");
    EXPECT_FALSE(json::parse(record).contains("invocationId"));
    EXPECT_EQ(argument_of(record, "command"), "echo hi");
    bool success = false;
    EXPECT_TRUE(deliver(hub, argument_of(record, "commandSyncId"), "hi", &success).ok());
    EXPECT_TRUE(success);

    const auto ended = outcome.get();
    EXPECT_TRUE(ended.success()) << ended.error;
    EXPECT_EQ(ended.result->text, "hi");
}

// A completion alone says whether the command failed: its result may come later.
TEST(SendOutcome, goes_by_what_came) {
    const auto with = [](const char* result) {
        SendOutcome outcome;
        outcome.completion = ClientResult{result, ""};
        return outcome.success();
    };
    EXPECT_TRUE(with("null"));
    EXPECT_TRUE(with(R"({"isSuccess":true})"));
    EXPECT_TRUE(with(R"("a text")"));
    EXPECT_FALSE(with(R"({"isSuccess":false,"message":"unknown command"})"));
    EXPECT_FALSE(with(R"({"IsSuccess":false})"));
}

// With an invocationId the client's completion comes back too; ids differ from command to command.
TEST(DevHub, asks_for_a_client_result) {
    RunningHub hub;
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    SendRequest send;
    send.invocation = Invocation::with_id;
    send.wait = WaitFor::completion;
    send.target = "CommandReceived";
    auto first = hub.begin(hub.hub().send(send));
    const auto one = json::parse(client.read());
    auto second = hub.begin(hub.hub().send(send));
    const auto two = json::parse(client.read());
    EXPECT_NE(one.at("invocationId"), two.at("invocationId"));
    client.write(R"({"type":3,"invocationId":)" + two.at("invocationId").dump() + ",\"error\":\"busy\"}\x1e" +
                 R"({"type":3,"invocationId":)" + one.at("invocationId").dump() +
                 ",\"result\":{\"isSuccess\":true}}\x1e");

    EXPECT_EQ(first.get().completion->result, R"({"isSuccess":true})");
    EXPECT_EQ(second.get().completion->error, "busy");
}

// The production hub's requests, by hand: one argument, the answer as it came; and the two streams that follow some.
TEST(DevHub, asks_what_the_production_hub_asks) {
    RunningHub hub;
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    auto answer = hub.begin(hub.hub().request({.target = "LogsRequested", .argument = R"({"requestId":"r1"})"}));
    const auto asked = json::parse(client.read());
    EXPECT_EQ(asked.at("target"), "LogsRequested");
    EXPECT_EQ(asked.at("arguments"), json::parse(R"([{"requestId":"r1"}])"));
    client.write(R"({"type":3,"invocationId":)" + asked.at("invocationId").dump() +
                 ",\"result\":{\"TotalLogs\":1}}\x1e");
    EXPECT_EQ(answer.get()->result, R"({"TotalLogs":1})");
    for (const char* target : {"ReceiveLogsStream", "ReceiveSessionMessagesStream"}) {
        client.write(std::string(R"({"type":1,"invocationId":"7","target":")") + target +
                     "\",\"arguments\":[\"r1\"],\"streamIds\":[\"8\"]}\x1e"
                     "{\"type\":2,\"invocationId\":\"8\",\"item\":{\"Message\":\"hello\"}}\x1e"
                     "{\"type\":3,\"invocationId\":\"8\"}\x1e");
        EXPECT_EQ(client.read(), R"({"type":3,"invocationId":"7"})");
    }
}

// Ids are checked as ASP.NET Core does; other paths and methods do not exist.
TEST(DevHub, answers_wrong_requests_like_aspnet_core) {
    RunningHub hub;
    EXPECT_EQ(RawClient(hub, "?id=nobody").answer.result_int(), 404U);
    EXPECT_EQ(request(hub, http::verb::post, "/other/negotiate").result_int(), 404U);
    EXPECT_EQ(request(hub, http::verb::get, "/instanceHub/negotiate").result_int(), 405U);
    EXPECT_EQ(request(hub, http::verb::get, "/instanceHub").result_int(), 400U);
    const auto old = json::parse(request(hub, http::verb::post, "/instanceHub/negotiate").body());
    EXPECT_EQ(old.at("negotiateVersion"), 0);
    const auto query = "?id=" + old.at("connectionId").get<std::string>();
    RawClient client(hub, query);
    EXPECT_EQ(client.shake_hands(), "{}");
    EXPECT_EQ(RawClient(hub, query).answer.result_int(), 409U);
}

// Both doors want both credentials.
TEST(DevHub, checks_token_and_api_key) {
    Options options;
    options.token = Secret("t0ken");
    options.api_key = Secret("k3y");
    RunningHub hub(std::move(options));
    const std::string negotiate = "/instanceHub/negotiate?negotiateVersion=1";
    EXPECT_EQ(request(hub, http::verb::post, negotiate).result_int(), 401U);
    EXPECT_EQ(request(hub, http::verb::post, negotiate + "&api_key=k3y").result_int(), 401U);
    EXPECT_EQ(request(hub, http::verb::post, negotiate, "Bearer t0ken").result_int(), 401U);
    EXPECT_EQ(request(hub, http::verb::post, negotiate + "&api_key=k3y", "Bearer t0ken").result_int(), 200U);
    EXPECT_EQ(RawClient(hub, "?api_key=k3y", "Bearer wrong").answer.result_int(), 401U);
    EXPECT_EQ(RawClient(hub, "?api_key=k3y", "Bearer t0ken").shake_hands(), "{}");

    EXPECT_EQ(deliver(hub, "c", "").error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(deliver(hub, "c", "", nullptr, {{"authorization", "Bearer t0ken"}}).error_code(),
              grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_TRUE(deliver(hub, "c", "", nullptr, {{"authorization", "Bearer t0ken"}, {"x-api-key", "k3y"}}).ok());
}

// A refused handshake says why and ends; a broken record ends the connection with a Close message.
TEST(DevHub, ends_connections_that_break_the_protocol) {
    Options options;
    options.max_receive_bytes = 100;
    RunningHub hub(std::move(options));
    RawClient other(hub);
    other.write("{\"protocol\":\"messagepack\",\"version\":1}\x1e");
    EXPECT_EQ(other.read(), R"({"error":"The protocol 'messagepack' is not supported."})");
    EXPECT_EQ(other.read(), "closed 1000");

    for (const auto& bad : {std::string("nonsense\x1e"), std::string(200, 'x')}) {
        RawClient client(hub);
        EXPECT_EQ(client.shake_hands(), "{}");
        client.write(bad);
        const auto close = json::parse(client.read());
        EXPECT_EQ(close.at("type"), 7);
        EXPECT_TRUE(close.at("error").get<std::string>().starts_with("Connection closed with an error."));
        EXPECT_EQ(client.read(), "closed 1000");
    }
}

// Pings come at their interval; a silent client is dropped.
TEST(DevHub, pings_and_drops_the_silent) {
    Options options;
    options.keep_alive = std::chrono::milliseconds(20);
    options.client_timeout = std::chrono::milliseconds(300);
    RunningHub hub(std::move(options));
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    EXPECT_EQ(client.read(), R"({"type":6})");
    auto record = client.read();
    while (record == R"({"type":6})") record = client.read();
    EXPECT_NE(record.find("ClientTimeoutInterval"), std::string::npos);
    EXPECT_EQ(client.read(), "closed 1000");
}

// A client that never shakes hands is told so.
TEST(DevHub, refuses_a_late_handshake) {
    Options options;
    options.handshake_timeout = std::chrono::milliseconds(50);
    RunningHub hub(std::move(options));
    RawClient client(hub);
    EXPECT_EQ(client.read(), R"({"error":"Handshake was canceled."})");
    EXPECT_EQ(client.read(), "closed 1000");
}

// The ordinary hub methods: invoke, stream and upload.
TEST(DevHub, serves_hub_methods) {
    RunningHub hub;
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    client.write(
        "{\"type\":1,\"invocationId\":\"1\",\"target\":\"Echo\",\"arguments\":[{\"a\":9007199254740993}]}\x1e");
    EXPECT_EQ(client.read(), R"({"type":3,"invocationId":"1","result":{"a":9007199254740993}})");
    client.write("{\"type\":1,\"invocationId\":\"2\",\"target\":\"Nothing\",\"arguments\":[]}\x1e");
    EXPECT_NE(client.read().find("Method does not exist."), std::string::npos);
    client.write("{\"type\":4,\"invocationId\":\"3\",\"target\":\"Stream\",\"arguments\":[2]}\x1e");
    EXPECT_EQ(client.read(), R"({"type":2,"invocationId":"3","item":0})");
    EXPECT_EQ(client.read(), R"({"type":2,"invocationId":"3","item":1})");
    EXPECT_EQ(client.read(), R"({"type":3,"invocationId":"3"})");
    client.write(
        "{\"type\":1,\"invocationId\":\"4\",\"target\":\"Upload\",\"arguments\":[],\"streamIds\":[\"9\"]}\x1e"
        "{\"type\":2,\"invocationId\":\"9\",\"item\":1}\x1e{\"type\":3,\"invocationId\":\"9\"}\x1e");
    EXPECT_EQ(client.read(), R"({"type":3,"invocationId":"4","result":1})");
    client.write(
        "{\"type\":4,\"invocationId\":\"5\",\"target\":\"Stream\",\"arguments\":[1000,50]}\x1e"
        "{\"type\":5,\"invocationId\":\"5\"}\x1e");
    auto record = client.read();
    while (record.starts_with("{\"type\":2")) record = client.read();
    EXPECT_EQ(record, R"({"type":3,"invocationId":"5"})");
}

// The connection's misbehaviours as the client sees them.
TEST(DevHub, misbehaves_on_the_connection) {
    struct Row {
        const char* words;
        std::vector<std::string> seen;
    };
    const Row rows[] = {
        {"drop", {"lost"}},
        {"close", {R"({"type":7})", "closed 1000"}},
        {"close allow-reconnect error=later", {R"({"type":7,"error":"later","allowReconnect":true})", "closed 1000"}},
        {"ws-close 1012", {"closed 1012"}},
        {"bad-frame not-json", {"this is not JSON"}},
        {"bad-frame raw", {"lost"}},
        {"hub-down", {R"({"type":7,"allowReconnect":true})", "closed 1000"}},
    };
    for (const auto& row : rows) {
        RunningHub hub;
        RawClient client(hub);
        EXPECT_EQ(client.shake_hands(), "{}") << row.words;
        ASSERT_TRUE(hub.run(hub.hub().wait_for_client(std::chrono::seconds(20))));
        auto done = hub.begin(hub.hub().misbehave(*parse_misbehaviour(std::string_view(row.words))));
        for (const auto& expected : row.seen) EXPECT_EQ(client.read(), expected) << row.words;
        EXPECT_TRUE(done.get()) << row.words;
    }
}

// A stalled connection sends nothing until it is resumed; then nothing is missing.
TEST(DevHub, stalls_and_resumes) {
    RunningHub hub;
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    ASSERT_TRUE(hub.run(hub.hub().wait_for_client(std::chrono::seconds(20))));
    hub.misbehave("stall");
    SendRequest send;
    send.command.text = "late";
    send.wait = WaitFor::nothing;
    EXPECT_EQ(hub.run(hub.hub().send(send)).clients, 1);
    hub.misbehave("resume");
    EXPECT_EQ(argument_of(client.read(), "command"), "late");
}

// Negotiate can be refused, with Retry-After or with a page of HTML.
TEST(DevHub, refuses_to_negotiate) {
    RunningHub hub;
    hub.misbehave("refuse 503 retry-after=7 next=1");
    const auto refused = request(hub, http::verb::post, "/instanceHub/negotiate");
    EXPECT_EQ(refused.result_int(), 503U);
    EXPECT_EQ(refused["Retry-After"], "7");
    hub.misbehave("html next=1");
    EXPECT_EQ(request(hub, http::verb::post, "/instanceHub/negotiate")[http::field::content_type],
              "text/html; charset=utf-8");
    EXPECT_EQ(json::parse(request(hub, http::verb::post, "/instanceHub/negotiate").body()).at("negotiateVersion"), 0);
}

// The gRPC side's misbehaviours, and what the store counts of them.
TEST(DevHub, misbehaves_over_grpc) {
    RunningHub hub;
    bool success = true;
    hub.misbehave("grpc-fail RESOURCE_EXHAUSTED next=1");
    EXPECT_EQ(deliver(hub, "a", "x").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    hub.misbehave("grpc-success-false next=1");
    EXPECT_TRUE(deliver(hub, "a", "x", &success).ok());
    EXPECT_FALSE(success);
    hub.misbehave("grpc-reply-lost next=1");
    EXPECT_EQ(deliver(hub, "a", "x").error_code(), grpc::StatusCode::CANCELLED);
    hub.misbehave("grpc-delay 20");
    EXPECT_TRUE(deliver(hub, "a", "y", &success).ok());
    EXPECT_TRUE(success);

    const auto entry = hub.on_loop([&] { return *hub.hub().results().find("a"); });
    EXPECT_EQ(entry.attempts, 4U);
    EXPECT_EQ(entry.accepted, 2U);
    EXPECT_EQ(entry.conflicting, 1U);
    hub.misbehave("grpc-down");
    EXPECT_EQ(deliver(hub, "b", "x").error_code(), grpc::StatusCode::UNAVAILABLE);
    hub.misbehave("grpc-up");
    EXPECT_TRUE(deliver(hub, "b", "x").ok());
}

// `none` ends what lasts: ports that were closed are open again.
TEST(DevHub, comes_back_from_down_by_none) {
    RunningHub hub;
    hub.misbehave("grpc-down");
    hub.misbehave("hub-down");

    hub.misbehave("none");

    EXPECT_TRUE(deliver(hub, "b", "x").ok());
    EXPECT_EQ(request(hub, http::verb::post, "/instanceHub/negotiate").result_int(), 200U);
}

// The control socket: requests in, responses out, nonsense answered.
TEST(DevHub, is_driven_through_the_control_socket) {
    const test::TempDir folder;
    const auto path = folder.path() / "control";
    RunningHub hub;
    SystemClock clock;
    Control control(hub.hub());
    auto listener = std::make_unique<WebListener>(hub.context().get_executor(), clock, control);
    ASSERT_TRUE(hub.on_loop([&] { return listener->start(path).has_value(); }));
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
    EXPECT_EQ(ask(path, "clients", json::object())->at("clients").size(), 0U);
    struct Row {
        const char* verb;
        json request;
        const char* error;
    };
    const Row rows[] = {
        {"dance", json::object(), "'dance' is not a verb: send, request, clients, results, wait-client, misbehave"},
        {"send", json::array(), "the body of a request is one JSON object, or nothing"},
        {"send", json::object(), "'command' must be given"},
        {"send", {{"command", 5}}, "'command' must be a string"},
        {"send", {{"command", "x"}, {"count", 0}}, "'count' must be 1 to 1000000"},
        {"send", {{"command", "x"}, {"wait", "long"}}, "'wait' must be none, result, completion or both"},
        {"send", {{"command", "x"}, {"parameters", {{"k", 1}}}}, "'parameters' must be an object of strings"},
        {"send", {{"command", "x"}, {"comand", "y"}}, "'comand' is no member of this verb"},
        {"send", {{"comand", "y"}}, "'comand' is no member of this verb"},
        {"send", {{"count", 0}, {"Command", "y"}}, "'Command' is no member of this verb"},
        {"clients", {{"limit", 1}}, "'limit' is no member of this verb"},
        {"misbehave", {{"words", "drop"}}, "'words' must be an array of strings"},
        {"misbehave", json::object(), "a misbehaviour needs a name"},
        {"wait-client", {{"timeoutMs", 0}}, "no client connected in time"},
    };
    for (const auto& row : rows) {
        const auto answer = ask(path, row.verb, row.request);
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(answer->at("ok"), false) << row.error;
        EXPECT_EQ(answer->at("error"), row.error);
    }
    const auto nobody = ask(path, "send", {{"command", "x"}, {"clientTimeoutMs", 0}});
    EXPECT_EQ(nobody->at("outcomes").at(0).at("error"), "no client is connected");
    EXPECT_TRUE(ask(path, "misbehave", {{"words", {"grpc-delay", "0"}}})->at("ok").get<bool>());

    EXPECT_TRUE(deliver(hub, "c-1", "x").ok());
    const auto results = ask(path, "results", json::object());
    EXPECT_EQ(results->at("results").at(0).at("commandSyncId"), "c-1");
    EXPECT_EQ(results->at("totals").at("accepted"), 1);

    WebListener second(hub.context().get_executor(), clock, control);
    EXPECT_FALSE(hub.on_loop([&] { return second.start(path).has_value(); })) << "the first one answers";
    hub.run(listener->finish(Duration::zero()));
    hub.on_loop([&] { listener.reset(); });
    EXPECT_FALSE(std::filesystem::exists(path));
}

// A request without sense, one that the client refuses and one that comes too early have statuses of their own; what
// waits for a completion asks for one.
TEST(DevHub, tells_refusals_apart_by_their_status) {
    RunningHub hub;
    Control control(hub.hub());
    const auto post = [&](const std::string& verb, const std::string& body) {
        HttpRequest asked;
        asked.path = "/" + verb;
        asked.body = body;
        return hub.begin(control.on_request(std::move(asked)));
    };
    EXPECT_EQ(post("dance", "").get().status, 404U);
    EXPECT_EQ(post("clients", "[]").get().status, 400U);
    EXPECT_EQ(post("misbehave", R"({"words":["sulk"]})").get().status, 400U);
    EXPECT_EQ(post("wait-client", R"({"timeoutMs":0})").get().status, 504U);
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    EXPECT_EQ(post("wait-client", "").get().status, 200U);
    auto refused = post("request", R"({"target":"LogsRequested"})");
    const auto of_refused = json::parse(client.read()).at("invocationId").dump();
    client.write(R"({"type":3,"error":"not allowed","invocationId":)" + of_refused + "}\x1e");
    EXPECT_EQ(refused.get().status, 502U);
    auto sent = post("send", R"({"command":"x","wait":"completion"})");
    const auto of_sent = json::parse(client.read()).at("invocationId").dump();
    client.write(R"({"type":3,"error":"busy","invocationId":)" + of_sent + "}\x1e");
    const auto outcome = sent.get();
    EXPECT_EQ(outcome.status, 200U);
    EXPECT_EQ(json::parse(outcome.body).at("ok"), false);
    auto left = post("request", R"({"target":"LogsRequested"})");
    static_cast<void>(client.read());
    EXPECT_EQ(post("misbehave", R"({"words":["drop"]})").get().status, 200U);
    EXPECT_EQ(left.get().status, 504U);
}

// A command with a result of each kind goes through the control socket and comes back as a person asked for it.
TEST(DevHub, answers_a_send_with_its_outcome) {
    const test::TempDir folder;
    const auto path = folder.path() / "control";
    RunningHub hub;
    SystemClock clock;
    Control control(hub.hub());
    WebListener listener(hub.context().get_executor(), clock, control);
    ASSERT_TRUE(hub.on_loop([&] { return listener.start(path).has_value(); }));
    RawClient client(hub);
    EXPECT_EQ(client.shake_hands(), "{}");
    const json request{{"command", "echo hi"}, {"commandSyncId", "c"}, {"count", 2}, {"clientTimeoutMs", 20000}};
    auto asked = std::async(std::launch::async, [&] { return ask(path, "send", request); });
    for (const auto* id : {"c-1", "c-2"}) {
        EXPECT_EQ(argument_of(client.read(), "commandSyncId"), id);
        EXPECT_TRUE(deliver(hub, id, "hi").ok());
    }
    const auto response = asked.get();
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->at("ok"), true);
    EXPECT_EQ(response->at("outcomes").at(1).at("result").at("textResult").at("response"), "hi");
    EXPECT_EQ(response->at("outcomes").at(1).at("result").at("commandType"), "TEXT");
    hub.run(listener.finish(Duration::zero()));
}

}  // namespace
}  // namespace jiro::dev_hub
