// SPDX-License-Identifier: MIT
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <map>

#include "unit/signalr/bench.hpp"
#include "unit/signalr/vectors.hpp"

namespace jiro::test {

using namespace std::chrono_literals;
using nlohmann::json;
using signalr::errc;
using signalr::State;

namespace {

bool fits(const json& value, const std::string& type) {
    bool flag = false;
    std::int64_t integer = 0;
    std::uint64_t natural = 0;
    double number = 0;
    std::string text;
    if (type == "bool") return read_value(value, flag);
    if (type == "int" || type == "int64") return read_value(value, integer);
    if (type == "uint64") return read_value(value, natural);
    if (type == "double") return read_value(value, number);
    if (type == "string") return read_value(value, text);
    return true;
}

struct Outcome {
    bool ended = false;
    bool has_result = false;
    json result;
    std::string error;
    std::vector<json> items;
};

// One vector's world: its handlers, its open calls, and what happened.
class Scene {
  public:
    explicit Scene(const Vector& vector)
        : vector_(vector), given_(vector.given()), released_(bench.context.get_executor()) {
        std::vector<Duration> delays;
        for (const auto& delay : given_.value("reconnect_policy", json::array())) {
            delays.push_back(std::chrono::seconds(delay.get<int>()));
        }
        // A loss after which it reconnects, where the vector does not say by which policy.
        if (!given_.contains("reconnect_policy") && vector_.expect.value("reconnect", false)) delays = {0s};
        if (given_.contains("handlers") && given_.dump().find("after reconnect") != std::string::npos) delays = {0s};
        bench.policy = fixed_policy(delays);
        bench.settings.stateful_reconnect = given_.value("stateful", false);
        bench.connector->stateful = bench.settings.stateful_reconnect;
        bench.settings.max_message_bytes = given_.value("max_record_bytes", 1'048'576U);
        bench.make();
        const json handlers = given_.value("handlers", json::object());
        for (const auto& [target, definition] : handlers.items()) {
            for (const auto& one : definition.is_array() ? definition : json::array({definition})) add(target, one);
        }
        bench.start();
        open_calls();
    }

    ~Scene() { bench.shut_down(); }
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    void play() {
        for (int i = 0; i < given_.value("sent_trackable", 0); ++i) {
            bench.spawn<Result<void>>(bench.hub->send(std::string(1, static_cast<char>('A' + i)), json::array()),
                                      [](auto) {});
        }
        for (int i = 0; i < given_.value("received_before", 0); ++i) {
            bench.deliver("{\"type\":2,\"invocationId\":\"before\",\"item\":0}\x1e");
        }
        if (given_.value("resumed", false)) {
            bench.socket().cut();
            settle(bench.context);
        }
        if (vector_.outcome() == "keepalive") bench.advance(10s);
        first = bench.connector->sockets.back();
        first->sent.clear();
        for (const auto& text : vector_.input.value("ws", json::array())) {
            const std::string bytes = bytes_of(text);
            const auto piece = given_.value("ws_fragment_bytes", bytes.empty() ? std::size_t{1} : bytes.size());
            if (bytes.empty()) bench.deliver("");
            for (std::size_t i = 0; i < bytes.size(); i += piece) {
                if (!first->ended) bench.deliver(bytes.substr(i, piece));
            }
        }
        const std::string server = given_.value("server", "");
        if (server.starts_with("ws close ")) first->close(static_cast<std::uint16_t>(std::stoi(server.substr(9))));
        if (server.starts_with("close after") || server == "RST") first->cut();
        settle(bench.context);
    }

    void release() {
        is_released_ = true;
        released_.notify();
        settle(bench.context);
    }

    Bench bench;
    std::shared_ptr<ScriptedSocket> first;  // the one that the vector's messages went to
    std::vector<std::pair<std::string, json>> calls;
    std::map<std::string, Outcome> outcomes;

  private:
    void note(const std::string& target, const json& definition, const signalr::Invocation& invocation) {
        if (definition.contains("params")) {
            const auto& types = definition.at("params");
            if (types.size() != invocation.arguments.size()) throw signalr::ArgumentMismatch("count");
            for (std::size_t i = 0; i < types.size(); ++i) {
                if (!fits(invocation.arguments[i], types[i])) throw signalr::ArgumentMismatch("type");
            }
        }
        calls.emplace_back(target, invocation.arguments);
        if (definition.contains("throws")) throw std::runtime_error(definition.at("throws").get<std::string>());
    }

    static Task<> run_void(Scene* scene, std::string target, json definition, signalr::Invocation invocation) {
        scene->note(target, definition, invocation);
        for (const auto& waiting : scene->waiting_) {
            if (waiting == target) {
                scene->is_released_ = true;
                scene->released_.notify();
            }
        }
        co_return;
    }

    static Task<Result<json>> run_result(Scene* scene, std::string target, json definition,
                                         signalr::Invocation invocation) {
        scene->note(target, definition, invocation);
        if (definition.contains("waits_for") || definition.contains("delay")) {
            while (!scene->is_released_) co_await scene->released_.wait();
        }
        co_return definition.at("returns");
    }

    void add(const std::string& target, const json& definition) {
        if (definition.contains("waits_for")) waiting_.push_back(definition.at("waits_for"));
        const bool returns =
            definition.contains("returns") || (definition.contains("throws") && !definition.value("void", false));
        if (returns) {
            subscriptions_.push_back(
                bench.hub->on_result(target, [this, target, definition](signalr::Invocation invocation) {
                    return run_result(this, target, definition, std::move(invocation));
                }));
        } else {
            subscriptions_.push_back(bench.hub->on(target, [this, target, definition](signalr::Invocation invocation) {
                return run_void(this, target, definition, std::move(invocation));
            }));
        }
    }

    static Task<> read_stream(signalr::HubConnection* hub, Outcome* outcome) {
        auto reader = co_await hub->stream("S", json::array());
        if (!reader) co_return;
        for (;;) {
            auto item = co_await reader->next();
            if (!item || !*item) {
                outcome->ended = true;
                if (!item) outcome->error = item.error().message;
                co_return;
            }
            outcome->items.push_back(**item);
        }
    }

    static Task<> read_int(signalr::HubConnection* hub, Outcome* outcome) {
        const auto result = co_await hub->invoke_as<int>("I", json::array());
        outcome->ended = true;
        if (!result) outcome->error = result.error().message;
    }

    static Task<> read_any(signalr::HubConnection* hub, Outcome* outcome) {
        const auto result = co_await hub->invoke("I", json::array());
        outcome->ended = true;
        if (!result) {
            outcome->error = result.error().message;
        } else if (*result) {
            outcome->has_result = true;
            outcome->result = **result;
        }
    }

    void open_calls() {
        const json pending = given_.value("pending", json::object());
        for (const auto& [id, kind] : pending.items()) {
            Outcome* outcome = &outcomes[id];
            auto* hub = bench.hub.get();
            auto task = kind == "stream"        ? read_stream(hub, outcome)
                        : kind == "invoke<int>" ? read_int(hub, outcome)
                                                : read_any(hub, outcome);
            boost::asio::co_spawn(bench.context, std::move(task), boost::asio::detached);
            settle(bench.context);
        }
    }

    const Vector& vector_;
    json given_;
    std::vector<signalr::Subscription> subscriptions_;
    std::vector<std::string> waiting_;
    bool is_released_ = false;
    Event released_;
};

void check_reply(const Scene& scene, const json& reply, Findings& findings) {
    std::vector<std::string> completions;
    for (const auto& socket : scene.bench.connector->sockets) {
        for (auto& record : socket->records('3')) completions.push_back(std::move(record));
    }
    if (reply.is_null()) return findings.expect(completions.empty(), "a Completion was sent");
    if (completions.size() != 1)
        return findings.expect(false, std::to_string(completions.size()) + " Completions were sent");
    json sent = json::parse(completions.front());
    if (reply.value("error", "") == "<any text>" && sent.contains("error")) sent["error"] = "<any text>";
    findings.expect(sent == reply, "the Completion is " + sent.dump());
}

void check_call(const Outcome& outcome, const json& expect, Findings& findings) {
    findings.expect(outcome.ended, "the call was not completed");
    if (expect.contains("has_result"))
        findings.expect(outcome.has_result == expect.at("has_result"), "has_result differs");
    if (expect.contains("result"))
        findings.expect(outcome.result == expect.at("result"), "the result is " + outcome.result.dump());
    if (expect.contains("error"))
        findings.expect(json(outcome.error) == expect.at("error"), "the error is: " + outcome.error);
    const auto part = expect.value("error_contains", "");
    findings.expect(outcome.error.find(part) != std::string::npos, "the error is: " + outcome.error);
}

void check_stream(const Outcome& outcome, const json& expect, Findings& findings) {
    findings.expect(json(outcome.items) == expect.at("items"), "the items are " + json(outcome.items).dump());
    const auto end = expect.value("end", "");
    findings.expect(outcome.ended == !end.empty(), "the stream's end differs");
    if (end == "ok") findings.expect(outcome.error.empty(), "the stream failed: " + outcome.error);
    if (expect.contains("error"))
        findings.expect(json(outcome.error) == expect.at("error"), "the error is: " + outcome.error);
}

void check_loss(const Scene& scene, const json& expect, Findings& findings) {
    const auto& bench = scene.bench;
    const auto error = bench.hub->last_error();
    const std::string text = error ? error->message : "";
    findings.expect(error.has_value() && scene.first->ended, "the connection was not dropped");
    if (expect.value("reconnect", false)) {
        findings.expect(bench.state() == State::connected, "it did not reconnect");
        findings.expect(bench.connector->posts() == 2, "it did not negotiate again");
    } else if (expect.contains("reconnect")) {
        findings.expect(bench.state() == State::failed, "it reconnected");
        findings.expect(std::ranges::count(bench.states(), State::reconnecting) == 0, "Reconnecting was announced");
    }
    for (const char* key : {"error", "error_contains"}) {
        const auto part = expect.contains(key) && expect.at(key).is_string() ? expect.at(key).get<std::string>() : "";
        findings.expect(text.find(part) != std::string::npos, "the error is: " + text);
    }
    if (expect.contains("error") && expect.at("error").is_null()) {
        findings.expect(text.find("following error") == std::string::npos, "the error is: " + text);
    }
}

}  // namespace

Findings run_server_vector(const Vector& vector) {
    Findings findings;
    Scene scene(vector);
    Bench& bench = scene.bench;
    if (bench.state() != State::connected) {
        findings.expect(false, "could not start");
        return findings;
    }
    scene.play();
    const json& expect = vector.expect;
    const std::string outcome = vector.outcome();
    const auto error = bench.hub->last_error();
    const std::string text = error ? error->message : "";
    const bool stays =
        outcome != "protocol_error" && outcome != "close" && outcome != "connection_lost" && outcome != "no_reply";
    if (stays)
        findings.expect(bench.state() == State::connected && !scene.first->ended, "not connected any more: " + text);

    if (outcome == "invoke_handler") {
        const auto count = std::ranges::count(scene.calls, expect.at("target").get<std::string>(),
                                              &std::pair<std::string, json>::first);
        findings.expect(count == expect.value("calls", 1), std::to_string(count) + " calls");
        if (count > 0) {
            const json& arguments = scene.calls.back().second;
            if (expect.contains("arguments")) findings.expect(arguments == expect.at("arguments"), arguments.dump());
            if (expect.contains("arguments_text"))
                findings.expect(json(arguments.dump()) == expect.at("arguments_text"), arguments.dump());
        }
        check_reply(scene, expect.value("reply", json()), findings);
    } else if (outcome == "binding_failure") {
        findings.expect(scene.calls.empty(), "the handler was called");
        check_reply(scene, expect.value("reply", json()), findings);
    } else if (outcome == "reply") {
        check_reply(scene, expect.at("reply"), findings);
    } else if (outcome == "no_reply") {
        bench.socket().cut();
        settle(bench.context);
        scene.release();
        findings.expect(bench.connector->sockets.size() == 2 && bench.state() == State::connected,
                        "it did not reconnect");
        check_reply(scene, json(), findings);
    } else if (outcome == "complete") {
        check_call(scene.outcomes[expect.at("invocationId")], expect, findings);
    } else if (outcome == "stream") {
        check_stream(scene.outcomes["1"], expect, findings);
    } else if (outcome == "ignore") {
        findings.expect(scene.first->sent.empty() && scene.calls.empty(), "it had an effect");
    } else if (outcome == "keepalive") {
        findings.expect(scene.first->sent.empty() && scene.calls.empty(), "it had an effect");
        bench.pass(25s);
        findings.expect(!scene.first->ended, "ServerTimeout was not restarted");
    } else if (outcome == "close" || outcome == "connection_lost") {
        check_loss(scene, expect, findings);
        findings.expect(scene.calls.empty(), "what stood behind the Close was dispatched");
    } else if (outcome == "protocol_error") {
        check_loss(scene, json::object(), findings);
        findings.expect(bench.state() == State::failed, "the policy was not asked");
        findings.expect(scene.calls.empty(), "a handler was called");
    } else if (outcome == "buffer_state" && expect.contains("received")) {
        bench.pass(1s);
        const auto acks = scene.first->records('8');
        findings.expect(acks.size() == 1 && json::parse(acks.front()).at("sequenceId") == expect.at("received"),
                        "Ack differs");
    } else if (outcome == "buffer_state") {
        bench.socket().cut();
        settle(bench.context);
        const auto& sent = bench.socket().sent;
        const auto& ids = expect.at("buffered_ids");
        // With nothing to replay: the number behind what was sent.
        const json next = ids.empty() ? json(vector.given().value("sent_trackable", 0) + 1) : ids.at(0);
        findings.expect(sent.size() == 1 + ids.size() && json::parse(sent.front()).at("sequenceId") == next,
                        "replay differs");
    } else {
        findings.expect(false, "no runner for the outcome " + outcome);
    }
    return findings;
}

}  // namespace jiro::test
