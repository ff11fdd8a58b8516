// SPDX-License-Identifier: MIT
#include "unit/signalr/bench.hpp"
#include "unit/signalr/vectors.hpp"

namespace jiro::test {

using namespace std::chrono_literals;
using nlohmann::json;
using signalr::errc;
using signalr::State;

Findings run_handshake_vector(const Vector& vector) {
    Findings findings;
    Bench bench;
    bench.policy = fixed_policy({});
    bench.connector->answers_handshake = false;
    bench.connector->stateful = vector.given().value("stateful_reconnect", false) ||
                                vector.given().value("negotiate_response_useStatefulReconnect", false);
    bench.settings.stateful_reconnect = bench.connector->stateful;
    std::vector<json> echoed;
    auto echo = bench.make().on("Echo", [&](signalr::Invocation invocation) -> Task<> {
        echoed.push_back(std::move(invocation.arguments));
        co_return;
    });
    bench.start();
    const auto socket = bench.connector->sockets.at(0);

    if (vector.outcome() == "sent") {
        findings.expect(json::parse(socket->handshake) == vector.expect.at("messages").at(0),
                        "sent " + socket->handshake);
        return findings;
    }
    for (const auto& text : vector.input.value("ws", json::array())) bench.deliver(bytes_of(text));
    const std::string after = vector.expect.value("given_after", "");
    if (after.find("closes") != std::string::npos) {
        if (after.find("1000") != std::string::npos) {
            socket->close(1000);
        } else {
            socket->cut();
        }
        settle(bench.context);
    } else if (after.find("silent") != std::string::npos) {
        bench.pass(15s);
    }

    const auto error = bench.hub->last_error();
    const std::string text = error ? error->message : "";
    if (vector.outcome() == "connected") {
        findings.expect(bench.state() == State::connected, "not connected: " + text);
        if (vector.expect.contains("then")) {
            const auto& arguments = vector.expect.at("then").at("arguments");
            findings.expect(echoed.size() == 1 && echoed.front() == arguments, "the message behind was not handled");
        }
    } else {
        const auto code = vector.outcome() == "handshake_timeout" ? errc::handshake_timeout : errc::handshake_failed;
        findings.expect(bench.state() == State::failed, "the attempt did not fail");
        findings.expect(error && error->code == code, "the error is: " + text);
        findings.expect(text.find(vector.expect.value("error", "")) != std::string::npos, "the error is: " + text);
        findings.expect(bench.connector->socket().ended || bench.connector->sockets.size() == 1, "left open");
    }
    return findings;
}

}  // namespace jiro::test
