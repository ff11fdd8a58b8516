// SPDX-License-Identifier: MIT
#include "jiro/signalr/probe.hpp"

#include <algorithm>

#include "jiro/base/enum_names.hpp"
#include "jiro/base/proxy.hpp"
#include "signalr/connection/establish.hpp"
#include "signalr/protocol/json_reader.hpp"
#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

using End = ProbeResult::End;

namespace {

// No hub knows this protocol: it answers the handshake with an error and forgets the connection, before any code of the
// hub's application runs. A good handshake would make this probe a client, to which the hub might send commands.
constexpr std::string_view kProbeHandshake = "{\"protocol\":\"jiro-client-doctor\",\"version\":1}\x1e";

// The hub answered the handshake as the protocol wants it: with the error that the probe asked for, or even with none.
bool is_handshake_answer(const std::string& bytes) {
    const auto end = bytes.find(kRecordSeparator);
    if (end == std::string::npos) return false;
    const auto object = read_json_object(std::string_view(bytes).substr(0, end));
    if (!object || object->contains("type")) return false;
    const auto error = object->find("error");
    return error == object->end() || error->is_null() || error->is_string();
}

void skip_from(ProbeReport& report, ProbeStep first, const char* why) {
    for (auto step = static_cast<int>(first); step <= static_cast<int>(ProbeStep::handshake); ++step)
        report.skipped(static_cast<ProbeStep>(step), why);
}

// Adds what an attempt says of the steps behind the network's.
void add_attempt(ProbeReport& report, const Settings& settings, const AttemptProgress& progress,
                 const std::optional<Failure>& failure, bool has_credentials) {
    report.clock_ahead = progress.clock_ahead;
    const auto fail = [&](ProbeStep step) {
        report.failed(step, failure->error);
        skip_from(report, static_cast<ProbeStep>(static_cast<int>(step) + 1), "not reached");
    };
    if (failure && progress.negotiations == 0 && !progress.upgrade_asked) return fail(ProbeStep::credentials);
    if (has_credentials) {
        report.passed(ProbeStep::credentials, "the access token or API key can be read");
    } else {
        report.skipped(ProbeStep::credentials, "none are configured");
    }
    if (failure && !progress.upgrade_asked) return fail(ProbeStep::negotiate);
    if (settings.skip_negotiation) {
        report.skipped(ProbeStep::negotiate, "SkipNegotiation is set");
    } else {
        const std::string redirected = progress.negotiations > 1 ? ", after a redirect" : "";
        report.passed(ProbeStep::negotiate, "the hub offers WebSockets" + redirected);
    }
    if (failure && !progress.upgraded) return fail(ProbeStep::upgrade);
    report.passed(ProbeStep::upgrade, "the WebSocket opens");
    if (failure && !is_handshake_answer(progress.handshake_answer)) return fail(ProbeStep::handshake);
    report.passed(ProbeStep::handshake, "a SignalR hub answers the handshake");
}

ProbeReport unseen_path(const char* why) {
    ProbeReport report;
    for (const auto step : {ProbeStep::resolve, ProbeStep::connect, ProbeStep::proxy, ProbeStep::tls})
        report.skipped(step, why);
    return report;
}

}  // namespace

std::string_view to_string(ProbeStep step) noexcept {
    return enum_names<ProbeStep::resolve, ProbeStep::handshake>[static_cast<std::size_t>(step)];
}

const ProbeResult* ProbeReport::failure() const noexcept {
    const auto found = std::ranges::find(steps, End::failed, &ProbeResult::end);
    return found == steps.end() ? nullptr : &*found;
}

Task<ProbeReport> probe_hub(Settings settings, Dependencies dependencies) {
    ProbeReport report = unseen_path("sockets are the caller's");
    auto connector = dependencies.connector;
    if (!connector) {
        connector = make_beast_connector(dependencies.clock);
        auto proxy = proxy_for(settings.proxy, *settings.hub_url, dependencies.environment);
        if (!proxy) {
            report = unseen_path("not reached");
            report.steps[static_cast<std::size_t>(ProbeStep::proxy)] = {
                ProbeStep::proxy, End::failed, {}, proxy.error()};
        } else {
            http::Endpoint hub{*settings.hub_url, settings.tls, std::move(*proxy), settings.limits};
            report = co_await probe_network_path(dependencies.clock, std::move(hub));
        }
    }
    if (report.failure() != nullptr) {
        skip_from(report, ProbeStep::credentials, "not reached");
        co_return report;
    }
    bool has_credentials = false;
    const auto credentials = [&]() -> Result<Credentials> {
        if (!dependencies.credentials) return Credentials{};
        auto read = dependencies.credentials();
        has_credentials = read && (!read->access_token.empty() || !read->api_key.empty());
        return read;
    };
    Establish establish(dependencies.clock, *connector, settings, credentials, dependencies.environment);
    const auto attempt = co_await establish.run(kProbeHandshake);
    if (attempt.connection) attempt.connection->transport->abort();
    add_attempt(report, settings, establish.progress(), attempt.failure, has_credentials);
    co_return report;
}

}  // namespace jiro::signalr
