// SPDX-License-Identifier: MIT
#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "unit/signalr/bench.hpp"
#include "unit/signalr/vectors.hpp"

namespace jiro::test {

using namespace std::chrono_literals;
using nlohmann::json;
using signalr::HttpHeaders;
using signalr::HttpResponse;
using signalr::State;

namespace {

HttpHeaders headers_of(const json& object) {
    HttpHeaders headers;
    for (const auto& [name, value] : object.items()) headers.emplace_back(name, value.get<std::string>());
    return headers;
}

// null when the header is absent.
json header(const ScriptedConnector::Request& request, const std::string& name) {
    for (const auto& [key, value] : request.request.headers) {
        if (key == name) return value;
    }
    return nullptr;
}

void script(Bench& bench, const json& responses) {
    for (const auto& response : responses) {
        if (response.contains("upgrade_status")) {
            bench.connector->upgrades.push_back(HttpResponse{response.at("upgrade_status"), {}, ""});
        } else if (response.contains("delay_s")) {
            bench.connector->answers.push_back(HttpResponse{});
        } else {
            const int times = response.value("repeat", 1);
            const auto body = response.contains("body") ? response.at("body").dump() : response.value("body_text", "");
            for (int i = 0; i < times; ++i) {
                bench.connector->answers.push_back(HttpResponse{
                    response.value("status", 200U), headers_of(response.value("headers", json::object())), body});
            }
        }
    }
}

HttpResponse answer_with_lifetime(int seconds) {
    auto answer = negotiate_answer("id1", false);
    auto body = json::parse(answer.body);
    body["tokenLifetimeSeconds"] = seconds;
    answer.body = body.dump();
    return answer;
}

void check_connected(const Bench& bench, const json& expect, Findings& findings) {
    const auto error = bench.hub->last_error();
    findings.expect(bench.state() == State::connected, "not connected: " + (error ? error->message : ""));
    json negotiated = json::array();
    json authorizations = json::array();
    const ScriptedConnector::Request* upgrade = nullptr;
    for (const auto& request : bench.connector->requests) {
        authorizations.push_back(header(request, "Authorization"));
        if (!request.is_upgrade) {
            negotiated.push_back(full_text(request.request.url));
            findings.expect(header(request, "X-Requested-With") == "XMLHttpRequest", "no X-Requested-With");
            findings.expect(header(request, "User-Agent").is_string(), "no User-Agent");
        } else {
            upgrade = &request;
        }
    }
    if (upgrade == nullptr) return findings.expect(false, "no WebSocket was opened");
    const auto matches = [&](const char* key, const json& actual) {
        if (expect.contains(key)) findings.expect(expect.at(key) == actual, std::string(key) + " is " + actual.dump());
    };
    matches("ws_url", full_text(upgrade->request.url));
    matches("negotiate_urls", negotiated);
    if (!negotiated.empty()) matches("negotiate_url", negotiated.front());
    matches("authorization", authorizations);
    matches("requests", negotiated.size());
    if (expect.contains("handshake_version")) {
        matches("handshake_version", json::parse(bench.connector->sockets.at(0)->handshake).at("version"));
    }
    const json expected_headers = expect.value("ws_headers", json::object());
    for (const auto& [name, value] : expected_headers.items()) {
        findings.expect(header(*upgrade, name) == value, name + " on the upgrade is " + header(*upgrade, name).dump());
    }
}

}  // namespace

Findings run_negotiate_vector(const Vector& vector) {
    Findings findings;
    const json options = vector.input.value("options", json::object());
    const std::string event = options.value("event", "");
    Bench bench;
    bench.policy = fixed_policy({});
    if (event.find("lost") != std::string::npos) bench.policy = fixed_policy({0s});
    bench.settings.hub_url = *Url::parse(vector.input.at("url").get<std::string>());
    bench.settings.stateful_reconnect = options.value("stateful", false);
    bench.settings.skip_negotiation = options.value("skip_negotiation", false);
    bench.settings.headers = headers_of(options.value("headers", json::object()));
    bench.credentials = [token = options.value("access_token", "")]() -> Result<Credentials> {
        return Credentials{Secret(token), Secret()};
    };
    if (event == "refresh due") bench.connector->answers.push_back(answer_with_lifetime(600));
    script(bench, vector.input.value("responses", json::array()));
    bench.start();
    if (event.find("lost") != std::string::npos) {
        bench.socket().cut();
        settle(bench.context);
    }
    if (event.find("stop") != std::string::npos) {
        boost::asio::co_spawn(bench.context, bench.hub->stop(), boost::asio::detached);
        settle(bench.context);
        findings.expect(bench.run_ended, "run() did not end with stop()");
        findings.expect(bench.state() == State::disconnected, "not disconnected");
        return findings;
    }

    if (vector.outcome() == "connect") {
        check_connected(bench, vector.expect, findings);
    } else if (vector.outcome() == "fail") {
        if (bench.state() == State::connecting) bench.advance(120s);  // for an answer that does not come
        if (vector.expect.contains("requests")) {
            findings.expect(vector.expect.at("requests") == bench.connector->posts(),
                            std::to_string(bench.connector->posts()) + " requests");
        }
        const auto error = bench.hub->last_error();
        const std::string text = error ? error->message : "";
        findings.expect(bench.state() == State::failed, "the attempt did not fail");
        findings.expect(text.find(vector.expect.value("error_contains", "")) != std::string::npos,
                        "the error is: " + text);
    } else if (vector.outcome() == "timer" || vector.outcome() == "refresh_failed") {
        for (int i = 0; i < 60; ++i) {
            bench.deliver("{\"type\":6}\x1e");
            bench.pass(20s);
        }
        const auto refreshed = [](const auto& request) { return request.request.url.path().ends_with("/refresh"); };
        const auto refreshes = std::ranges::count_if(bench.connector->requests, refreshed);
        const auto expected = vector.outcome() == "timer" ? 0 : 1;
        findings.expect(refreshes == expected, std::to_string(refreshes) + " refreshes were sent");
        findings.expect(bench.state() == State::connected && bench.connector->sockets.size() == 1,
                        "the connection did not stay");
    } else {
        findings.expect(false, "no runner for the outcome " + vector.outcome());
    }
    return findings;
}

}  // namespace jiro::test
