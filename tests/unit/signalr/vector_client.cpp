// SPDX-License-Identifier: MIT
// The client_to_server vectors are prose ("send('m','arg',null)", "stop() while connected"). What is written as calls
// is parsed and performed; the rest are scenes, found by the vector's name.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <deque>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

#include "unit/signalr/bench.hpp"
#include "unit/signalr/vectors.hpp"

namespace jiro::test {

using namespace std::chrono_literals;
using nlohmann::json;
using signalr::errc;
using signalr::State;

namespace {

using CallResult = Result<std::optional<json>>;

// One vector's world: the calls that were made, by the name of the variable they were assigned to.
struct World {
    explicit World(const Vector& its_vector) : vector(its_vector) {
        const auto given = vector.given();
        bench.policy = signalr::RetryPolicy(fixed_policy({0s, 2s, 10s, 30s}));
        bench.settings.stateful_reconnect = given.value("stateful", false);
        bench.connector->stateful = bench.settings.stateful_reconnect;
    }

    ~World() {
        streams.clear();
        bench.shut_down();
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    void start() {
        bench.start();
        bench.socket().sent.clear();
    }
    void send(const std::string& target, json arguments = json::array()) {
        bench.spawn<Result<void>>(bench.hub->send(target, std::move(arguments)), [this](auto result) {
            if (result) ++sends_done;
        });
    }
    void send_with(const std::string& target, signalr::CallOptions options) {
        bench.spawn<Result<void>>(bench.hub->send(target, json::array(), std::move(options)), [](auto) {});
    }
    void invoke(const std::string& target, json arguments = json::array(), signalr::CallOptions options = {}) {
        invoke_signals.push_back(std::make_unique<boost::asio::cancellation_signal>());
        auto& signal = *invoke_signals.back();
        boost::asio::co_spawn(
            bench.context, bench.hub->invoke(target, std::move(arguments), std::move(options)),
            boost::asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr exception, CallResult result) {
                ++invokes_ended;
                if (!exception && !result) call_error = result.error();
                if (exception) call_cancelled = true;
            }));
        settle(bench.context);
    }
    void stream(const std::string& target, json arguments = json::array()) {
        bench.spawn<Result<signalr::StreamReader>>(bench.hub->stream(target, std::move(arguments)),
                                                   [this](auto result) { streams.push_back(std::move(*result)); });
    }

    const Vector& vector;
    std::vector<std::unique_ptr<boost::asio::cancellation_signal>> invoke_signals;  // outlive what they cancel
    Bench bench;
    int sends_done = 0;
    int invokes_ended = 0;
    std::optional<Error> call_error;
    bool call_cancelled = false;
    std::vector<signalr::StreamReader> streams;
    Findings findings;
};

json parse_argument(std::string text) {
    text = std::regex_replace(text, std::regex("^\\s+|\\s+$"), "");
    if (text.starts_with('\'')) {  // with the escapes of JavaScript, which are JSON's
        const std::string inner = text.substr(1, text.size() - 2);
        return inner.find('\\') == std::string::npos ? json(inner) : json::parse('"' + inner + '"');
    }
    if (text.starts_with("bytes")) {
        json::binary_t bytes;
        std::istringstream words(text.substr(5));
        for (std::string word; words >> word;) bytes.push_back(static_cast<std::uint8_t>(std::stoi(word, nullptr, 16)));
        return bytes;
    }
    return json::parse(text);
}

json parse_arguments(const std::string& list, std::string& target) {
    json arguments = json::array();
    std::string current;
    bool quoted = false;
    bool is_first = true;
    const auto take = [&] {
        if (is_first) {
            target = parse_argument(current);
        } else {
            arguments.push_back(parse_argument(current));
        }
        is_first = false;
        current.clear();
    };
    for (const char character : list) {
        if (character == '\'') quoted = !quoted;
        if (character == ',' && !quoted) {
            take();
        } else {
            current += character;
        }
    }
    take();
    return arguments;
}

// True when the text is calls only, separated by ';', which were performed.
bool perform_calls(World& world, const std::string& text) {
    static const std::regex call(R"(^\s*(?:\w+\s*=\s*)?(send|invoke|stream)\(('[^']*'(?:.*))\)\s*$)");
    static const std::regex cancel(R"(^\s*\w+\.cancel\(\)\s*$)");
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ';');) parts.push_back(part);
    for (const auto& part : parts) {
        if (!std::regex_match(part, call) && !std::regex_match(part, cancel)) return false;
        if (part.find(",stream)") != std::string::npos || part.find(",s1,s2)") != std::string::npos) return false;
    }
    world.start();
    std::string last;
    for (const auto& part : parts) {
        std::smatch match;
        if (std::regex_match(part, match, call)) {
            last = match[1];
            std::string target;
            auto arguments = parse_arguments(match[2], target);
            if (last == "send") world.send(target, std::move(arguments));
            if (last == "invoke") world.invoke(target, std::move(arguments));
            if (last == "stream") world.stream(target, std::move(arguments));
        } else if (last == "stream") {
            world.streams.back().cancel();
            world.streams.back().cancel();
            settle(world.bench.context);
        } else {
            world.invoke_signals.back()->emit(boost::asio::cancellation_type::terminal);
            settle(world.bench.context);
            world.findings.expect(world.invokes_ended == 1, "the call did not end at once");
        }
    }
    return true;
}

// Placeholders "<...>" match any string, the same one each time.
bool matches(const json& expected, const json& sent, std::map<std::string, std::string>& bound) {
    if (expected.is_string() && expected.get<std::string>().starts_with('<') && sent.is_string()) {
        if (expected.get<std::string>().find("text") != std::string::npos) return true;
        return bound.emplace(expected, sent.get<std::string>()).first->second == sent.get<std::string>();
    }
    if (expected.type() != sent.type() || expected.size() != sent.size()) return expected == sent;
    if (expected.is_object()) {
        for (const auto& [key, value] : expected.items()) {
            if (!sent.contains(key) || !matches(value, sent.at(key), bound)) return false;
        }
        return true;
    }
    if (expected.is_array()) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (!matches(expected[i], sent[i], bound)) return false;
        }
        return true;
    }
    return expected == sent;
}

void check_sent(World& world, const ScriptedSocket& socket) {
    const auto& messages = world.vector.expect.at("messages");
    std::map<std::string, std::string> bound;
    std::size_t at = 0;
    for (const auto& message : messages) {
        if (message.is_string()) {  // prose: checked by the scene
            ++at;
            continue;
        }
        const bool found = at < socket.sent.size() && matches(message, json::parse(socket.sent[at]), bound);
        world.findings.expect(found, "message " + std::to_string(at) + " is " +
                                         (at < socket.sent.size() ? socket.sent[at] : std::string("missing")));
        ++at;
    }
    world.findings.expect(socket.sent.size() == messages.size(),
                          std::to_string(socket.sent.size()) + " messages were sent");
}

signalr::UploadSource source_of(std::vector<json> items, std::string failure = "") {
    auto left = std::make_shared<std::deque<json>>(items.begin(), items.end());
    return [left, failure]() -> Task<CallResult> {
        if (left->empty()) {
            if (!failure.empty()) throw std::runtime_error(failure);
            co_return std::optional<json>();
        }
        std::optional<json> item(std::move(left->front()));
        left->pop_front();
        co_return item;
    };
}

signalr::CallOptions with_upload(signalr::UploadSource source) {
    signalr::CallOptions options;
    options.uploads.push_back(std::move(source));
    return options;
}

Task<CallResult> first_item() { co_return std::optional<json>(2); }

void sent_check(World& world) { check_sent(world, world.bench.socket()); }

void idle(World& world) {
    world.start();
    world.bench.pass(15s);
    sent_check(world);
}

void resume_after_loss(World& world) {
    world.start();
    for (const char* target : {"A", "B", "C"}) world.send(target);
    world.bench.deliver("{\"type\":8,\"sequenceId\":1}\x1e");
    const auto before = world.bench.socket().sent;
    world.bench.socket().cut();
    settle(world.bench.context);
    sent_check(world);
    const auto& after = world.bench.socket().sent;
    world.findings.expect(after.size() == 3 && after[1] == before[1] && after[2] == before[2], "the replay differs");
    world.findings.expect(world.bench.connector->posts() == 1, "it negotiated");
}

// A source without items and without an end.
struct Never {
    explicit Never(World& world) : event(world.bench.context.get_executor()) {}
    signalr::UploadSource source() {
        return [this] { return next(&event); };
    }
    static Task<CallResult> next(Event* event) {
        for (;;) co_await event->wait();
    }
    Event event;
};

void upload_stops(World& world) {
    world.start();
    Never never(world);
    world.invoke("Up", json::array(), with_upload(never.source()));
    world.bench.deliver("{\"type\":3,\"invocationId\":\"" +
                        json::parse(world.bench.socket().sent.at(0)).at("invocationId").get<std::string>() + "\"}\x1e");
    world.bench.pass(1s);
    world.findings.expect(world.bench.socket().sent.size() == 1, "the upload went on");
}

// The stream's own end; the cancelled call has a CancelInvocation besides.
void upload_cancelled(World& world) {
    world.start();
    Never never(world);
    world.invoke("Up", json::array(), with_upload(never.source()));
    const json call = json::parse(world.bench.socket().sent.at(0));
    world.invoke_signals.back()->emit(boost::asio::cancellation_type::terminal);
    settle(world.bench.context);
    const auto completions = world.bench.socket().records('3');
    std::map<std::string, std::string> bound{{"<sid>", call.at("streamIds").at(0)}};
    world.findings.expect(completions.size() == 1 &&
                              matches(world.vector.expect.at("messages").at(0), json::parse(completions.at(0)), bound),
                          "the Completion differs");
    world.findings.expect(world.bench.socket().records('2').empty(), "items were sent");
}

void two_uploads(World& world) {
    world.start();
    Never never(world);
    signalr::CallOptions options;
    options.uploads.push_back(never.source());
    options.uploads.push_back(never.source());
    world.send_with("Up", std::move(options));
    sent_check(world);
    world.bench.shut_down();  // while the source is there
}

// An item that is followed by others: what is checked is the call and the first one.
void upload_by_send(World& world) {
    world.start();
    Never never(world);
    auto is_first = std::make_shared<bool>(true);
    world.send_with("Up", with_upload([&never, is_first]() -> Task<CallResult> {
                        if (std::exchange(*is_first, false)) return first_item();
                        return Never::next(&never.event);
                    }));
    sent_check(world);
    world.bench.shut_down();
}

void invoke_during_first_start(World& world) {
    world.bench.connector->answers_handshake = false;
    world.bench.start();
    world.invoke("Foo");
    world.findings.expect(world.invokes_ended == 0, "the call did not wait");
    world.findings.expect(world.bench.socket().sent.empty(), "it was sent before the handshake");
    world.bench.deliver("{}\x1e");
    const auto& sent = world.bench.socket().sent;
    world.findings.expect(sent.size() == 2 && json::parse(sent.at(0)) == json({{"type", 6}}) &&
                              json::parse(sent.at(1)).value("target", "") == "Foo",
                          "it was not sent behind the ping");
}

void resume_nothing_buffered(World& world) {
    world.start();
    world.send("A");
    world.bench.deliver("{\"type\":8,\"sequenceId\":1}\x1e");
    world.bench.socket().cut();
    settle(world.bench.context);
    sent_check(world);
}

void policy_throws(World& world) {
    world.bench.policy = [](const signalr::RetryContext&) -> std::optional<Duration> {
        throw std::runtime_error("the policy is broken");
    };
    world.start();
    world.invoke("T");
    world.bench.socket().cut();
    settle(world.bench.context);
    world.findings.expect(world.bench.state() == State::failed, "it went on");
    world.findings.expect(std::ranges::count(world.bench.states(), State::reconnecting) == 0,
                          "Reconnecting was announced");
    world.findings.expect(world.invokes_ended == 1, "the call did not end");
}

void server_timeout(World& world) {
    world.start();
    world.invoke("T");
    world.bench.pass(30s);
    const auto error = world.bench.hub->last_error();
    world.findings.expect(error && error->code == errc::server_timeout, "no server timeout");
    world.findings.expect(world.call_error && world.call_error->code == errc::server_timeout,
                          "the call did not fail with it");
    world.findings.expect(world.bench.connector->posts() == 2, "it did not reconnect");
}

void reset_by_any_message(World& world) {
    world.start();
    for (int i = 0; i < 5; ++i) {
        world.bench.pass(20s);
        world.bench.deliver("{\"type\":2,\"invocationId\":\"x\",\"item\":1}\x1e");
    }
    world.findings.expect(world.bench.connector->posts() == 1, "it reconnected");
}

void default_delays(World& world) {
    world.start();
    world.bench.connector->answers.assign(4, Error(http::errc::connect_failed, "refused"));
    std::vector<Duration> attempts;
    const auto start = world.bench.clock.now();
    world.bench.socket().cut();
    settle(world.bench.context);
    std::size_t known = 1;
    for (int i = 0; i < 60; ++i) {
        if (world.bench.connector->posts() > known) {
            known = world.bench.connector->posts();
            attempts.push_back(world.bench.clock.now() - start);
        }
        world.bench.advance(1s);
    }
    world.findings.expect(attempts == std::vector<Duration>{0s, 2s, 12s, 42s}, "the attempts came at other times");
    world.findings.expect(world.bench.state() == State::failed, "it did not give up");
    world.findings.expect(std::ranges::count(world.bench.states(), State::reconnecting) == 1,
                          "Reconnecting more than once");
}

const std::map<std::string, std::function<void(World&)>>& scenes() {
    static const std::map<std::string, std::function<void(World&)>> table{
        {"stateful.ack_after_one_second",
         [](World& world) {
             world.start();
             world.bench.deliver(
                 "{\"type\":2,\"invocationId\":\"x\",\"item\":1}\x1e{\"type\":2,\"invocationId\":\"x\",\"item\":2}"
                 "\x1e");
             world.bench.pass(5s);
             sent_check(world);
         }},
        {"stateful.resume_after_abrupt_loss", resume_after_loss},
        {"stateful.resume_nothing_ever_sent",
         [](World& world) {
             world.start();
             world.bench.socket().cut();
             settle(world.bench.context);
             sent_check(world);
         }},
        {"stateful.graceful_close_no_resume",
         [](World& world) {
             world.start();
             world.bench.socket().close(1001);
             settle(world.bench.context);
             world.findings.expect(world.bench.connector->posts() == 2, "it did not negotiate again");
             world.findings.expect(world.bench.hub->connection_id() == "id2", "it kept the connection id");
         }},
        {"stateful.backpressure",
         [](World& world) {
             world.start();
             world.send("Big", json::array({std::string(100'000, 'x')}));
             world.send("Next");
             world.findings.expect(world.sends_done == 1, "the second send did not wait");
             world.bench.pass(15s);
             world.findings.expect(world.bench.socket().records('6').size() == 1, "pings are blocked");
             world.bench.deliver("{\"type\":8,\"sequenceId\":1}\x1e");
             world.findings.expect(world.sends_done == 2, "the Ack did not wake the sender");
         }},
        {"stateful.stop_disables_resume",
         [](World& world) {
             world.start();
             boost::asio::co_spawn(world.bench.context, world.bench.hub->stop(), boost::asio::detached);
             settle(world.bench.context);
             sent_check(world);
             world.findings.expect(world.bench.connector->sockets.size() == 1, "it opened another socket");
         }},
        {"stop.close_message",
         [](World& world) {
             world.start();
             boost::asio::co_spawn(world.bench.context, world.bench.hub->stop(), boost::asio::detached);
             settle(world.bench.context);
             sent_check(world);
             world.findings.expect(world.bench.socket().closed_by_client == 1000, "no WebSocket close 1000");
         }},
        {"upload.invoke",
         [](World& world) {
             world.start();
             world.invoke("Up", json::array({"arg"}), with_upload(source_of({42})));
             sent_check(world);
         }},
        {"upload.source_fails",
         [](World& world) {
             world.start();
             world.invoke("Up", json::array(), with_upload(source_of({}, "x")));
             const auto completions = world.bench.socket().records('3');
             world.findings.expect(
                 completions.size() == 1 &&
                     json::parse(completions.at(0)).at("error").get<std::string>().find('x') != std::string::npos,
                 "no Completion with the error");
         }},
        {"upload.server_completes_first", upload_stops},
        {"upload.send", upload_by_send},
        {"upload.two_streams", two_uploads},
        {"upload.canceled", upload_cancelled},
        {"invoke.during_first_start", invoke_during_first_start},
        {"stateful.resume_nothing_buffered", resume_nothing_buffered},
        {"reconnect.policy_throws", policy_throws},
        {"ping.shape", idle},
        {"ping.idle_15s", idle},
        {"ping.right_after_handshake",
         [](World& world) {
             world.bench.start();
             sent_check(world);
         }},
        {"ping.only_when_idle",
         [](World& world) {
             world.start();
             for (int i = 0; i < 5; ++i) {
                 world.bench.pass(5s);
                 world.send("T");
             }
             world.findings.expect(world.bench.socket().records('6').empty(), "a ping was sent");
         }},
        {"completion.result_wins_shape",
         [](World& world) {
             auto subscription =
                 world.bench.make().on_result("T", [](signalr::Invocation) -> Task<Result<json>> { co_return json(); });
             world.start();
             world.bench.deliver("{\"type\":1,\"invocationId\":\"1\",\"target\":\"T\",\"arguments\":[]}\x1e");
             sent_check(world);
         }},
        {"invoke.header_order_free",
         [](World& world) {
             world.start();
             world.invoke("T");
             world.findings.expect(json::parse(world.bench.socket().sent.at(0)).is_object(), "not a record");
         }},
        {"invoke.not_connected",
         [](World& world) {
             world.bench.connector->answers.push_back(Error(http::errc::connect_failed, "refused"));
             world.bench.policy = fixed_policy({10s});
             world.bench.start();
             world.invoke("T");
             world.findings.expect(world.call_error && world.call_error->code == errc::not_active,
                                   "it did not fail at once");
         }},
        {"invoke.connection_lost",
         [](World& world) {
             world.start();
             world.invoke("T");
             world.bench.socket().cut();
             settle(world.bench.context);
             world.findings.expect(world.call_error && world.call_error->code == errc::connection_lost,
                                   "the call did not fail");
             world.findings.expect(world.bench.socket().records('1').empty(), "the call was sent again");
         }},
        {"invoke.trace_headers",
         [](World& world) {
             world.start();
             signalr::CallOptions options;
             options.headers =
                 world.vector.expect.at("messages").at(0).at("headers").get<std::map<std::string, std::string>>();
             world.invoke("Foo", json::array(), std::move(options));
             settle(world.bench.context);
             check_sent(world, world.bench.socket());
         }},
        {"server_timeout", server_timeout},
        {"server_timeout.reset_by_any_message", reset_by_any_message},
        {"reconnect.default_delays", default_delays},
        {"reconnect.first_delay_null",
         [](World& world) {
             world.bench.policy = fixed_policy({});
             world.start();
             world.bench.socket().cut();
             settle(world.bench.context);
             world.findings.expect(
                 world.bench.states() == std::vector{State::connecting, State::connected, State::failed},
                 "other states");
         }},
        {"reconnect.stop_during_delay",
         [](World& world) {
             world.bench.policy = fixed_policy({60s});
             world.start();
             world.bench.socket().cut();
             settle(world.bench.context);
             world.findings.expect(world.bench.state() == State::reconnecting, "not reconnecting");
             boost::asio::co_spawn(world.bench.context, world.bench.hub->stop(), boost::asio::detached);
             settle(world.bench.context);
             world.findings.expect(world.bench.run_ended, "the wait did not end at once");
             world.findings.expect(std::ranges::count(world.bench.states(), State::disconnected) == 1,
                                   "Disconnected not once");
         }},
        {"reconnect.handshake_fails_during_reconnect",
         [](World& world) {
             std::vector<std::pair<int, std::string>> asked;
             world.bench.policy = [&](const signalr::RetryContext& context) -> std::optional<Duration> {
                 asked.emplace_back(context.previous_retry_count, context.reason->message);
                 return Duration(1s);
             };
             world.start();
             world.bench.connector->answers_handshake = false;
             world.bench.socket().cut();
             settle(world.bench.context);
             world.bench.pass(1s);
             world.bench.deliver("{\"error\":\"no\"}\x1e");
             world.findings.expect(
                 asked.size() == 2 && asked[1].first == 1 && asked[1].second.find("no") != std::string::npos,
                 "it did not count as a failed attempt");
             world.findings.expect(world.bench.state() == State::reconnecting, "not reconnecting");
         }},
        {"start.lost_during_first_handshake",
         [](World& world) {
             world.bench.policy = fixed_policy({});
             world.bench.connector->answers_handshake = false;
             world.bench.start();
             world.bench.socket().cut();
             settle(world.bench.context);
             world.findings.expect(world.bench.states() == std::vector{State::connecting, State::failed},
                                   "other states");
         }},
    };
    return table;
}

}  // namespace

Findings run_client_vector(const Vector& vector) {
    World world(vector);
    const auto scene = scenes().find(vector.name);
    if (scene != scenes().end()) {
        scene->second(world);
        return world.findings;
    }
    if (!perform_calls(world, vector.input.value("call", ""))) {
        world.findings.expect(false, "no scene for: " + vector.input.value("call", ""));
        return world.findings;
    }
    if (vector.expect.value("messages", json::array()).empty() || vector.expect.at("messages").at(0).is_object()) {
        check_sent(world, world.bench.socket());
    } else {  // "arguments written as exact integers": the text as it was called stands in the record
        const std::string call = vector.input.at("call");
        std::string target;
        const auto arguments =
            parse_arguments(call.substr(call.find('(') + 1, call.rfind(')') - call.find('(') - 1), target);
        const auto& sent = world.bench.socket().sent.at(0);
        world.findings.expect(sent.find(arguments.dump()) != std::string::npos, "sent " + sent);
    }
    return world.findings;
}

}  // namespace jiro::test
