// SPDX-License-Identifier: MIT
#include "daemon/cli/doctor/network_checks.hpp"

#include "daemon/cli/doctor/configuration_checks.hpp"
#include "daemon/credential_store.hpp"
#include "jiro/assistant/probe.hpp"
#include "jiro/base/proxy.hpp"
#include "jiro/base/run_blocking.hpp"
#include "jiro/base/text.hpp"
#include "jiro/signalr/errors.hpp"

namespace jiro::daemon::cli {

namespace {

using namespace std::chrono_literals;
constexpr auto kModelLimit = 30s;  // one that must be loaded first takes its time
using End = signalr::ProbeResult::End;

void shorten(std::chrono::milliseconds& limit) { limit = std::min(limit, kLongestStep); }

signalr::StepLimits shortened(signalr::StepLimits limits) {
    for (auto* limit : {&limits.resolve, &limits.connect, &limits.proxy, &limits.tls, &limits.negotiate,
                        &limits.upgrade, &limits.send, &limits.close})
        shorten(*limit);
    return limits;
}

std::string advice_for_step(signalr::ProbeStep step) {
    static constexpr const char* kAdvice[] = {
        "check the name in the URL and the DNS servers of this machine",
        "check that the server runs, its port, and the firewalls in between",
        "check WebSocket.Proxy, HTTPS_PROXY and NO_PROXY, and the proxy's own log",
        "check the certificate's name, date and authority (Tls.CaFile), and this machine's clock",
        "check the token's or key's file",
        "check the path in WebSocket.HubUrl: the server must answer there as a SignalR hub",
        "check that every proxy in between passes WebSockets on (the headers Upgrade and Connection)",
        "check that WebSocket.HubUrl is the address of a SignalR hub",
    };
    return kAdvice[static_cast<std::size_t>(step)];
}

// gRPC's own words, in its library, for an answer that is HTTP/2 but not gRPC: a page, or a status that it has no name
// for.
bool is_no_grpc(const std::string& message) {
    for (const char* words : {"http2 header with status", "content-type", "Stream removed", "Bad GRPC frame"}) {
        if (message.find(words) != std::string::npos) return true;
    }
    return false;
}

std::string shown(delivery::StatusCode code, const std::string& message) {
    return std::string(delivery::to_string(code)) + (message.empty() ? "" : ": " + message);
}

class Network {
  public:
    Network(Findings& findings, const config::Config& config, const Environment& environment)
        : findings_(findings),
          config_(config),
          environment_(environment),
          credentials_(config.credentials, environment) {}

    void hub() {
        signalr::Settings settings = config_.websocket;
        settings.limits = shortened(settings.limits);
        shorten(settings.handshake_timeout);
        findings_.begin_section("Hub " + settings.hub_url->redacted());
        signalr::Dependencies dependencies{.clock = clock_, .random = random_};
        dependencies.credentials = credentials_.for_hub();
        dependencies.environment = environment_;
        const auto report = run_blocking(context_, signalr::probe_hub(settings, std::move(dependencies)));
        explain_steps(findings_, "hub", report, clock_.wall_now());
        if (report.clock_ahead) explain_clock(findings_, *report.clock_ahead);
    }

    void result_server() {
        delivery::GrpcSettings settings = config_.delivery.grpc;
        shorten(settings.timeout);
        findings_.begin_section("Result server " + settings.server_url->redacted());
        const auto report = run_blocking(context_, signalr::probe_network_path(clock_, endpoint_of(settings)));
        explain_steps(findings_, "grpc", report, clock_.wall_now());
        if (report.failure() != nullptr) return;
        const auto sender = delivery::make_grpc_result_sender(clock_, settings, credentials_.for_grpc(), environment_);
        // A length that the message does not have: no decoder takes it, so no handler sees it.
        const auto unreadable = std::make_shared<const std::string>("\x0A\x7F");
        explain_call(findings_, run_blocking(context_, sender->send(unreadable, "jiro-client-doctor", 0, {})));
    }

    void model() {
        assistant::Settings settings = config_.chat;
        shorten(settings.connect_timeout);
        settings.timeout = std::min<std::chrono::milliseconds>(settings.timeout, kModelLimit);
        findings_.begin_section("Assistant " + settings.endpoint.redacted());
        CredentialStore credentials(config_.chat_credentials, environment_);
        const auto begun = clock_.now();
        const auto answer =
            run_blocking(context_, assistant::probe(clock_, settings, environment_, credentials.for_hub()));
        if (answer) {
            return findings_.ok("chat.model", "the model " + settings.model + " answers, after " +
                                                  milliseconds_text(clock_.now() - begun));
        }
        auto [text, advice] = split_advice(answer.error().message, "check Chat.Endpoint, its key and Chat.Model");
        findings_.problem("chat.model", std::move(text), std::move(advice));
    }

  private:
    http::Endpoint endpoint_of(const delivery::GrpcSettings& settings) const {
        http::Endpoint endpoint{*settings.server_url, {settings.tls}, {}, shortened({})};
        auto proxy = proxy_for(settings.proxy, *settings.server_url, environment_);
        if (proxy) endpoint.proxy = std::move(*proxy);
        return endpoint;
    }

    Findings& findings_;
    const config::Config& config_;
    const Environment& environment_;
    CredentialStore credentials_;
    SystemClock clock_;
    SystemRandom random_;
    boost::asio::io_context context_{1};
};

}  // namespace

void check_network(Findings& findings, const config::Config& config, const Environment& environment) {
    Network network(findings, config, environment);
    if (config.websocket.hub_url) network.hub();
    if (config.delivery.grpc.server_url) network.result_server();
    if (config.chat.is_configured()) network.model();
}

void explain_steps(Findings& findings, const std::string& check, const signalr::ProbeReport& report, WallTime now) {
    for (const auto& result : report.steps) {
        const std::string name = check + '.' + std::string(signalr::to_string(result.step));
        if (result.end == End::passed) findings.ok(name, result.seen);
        if (result.end == End::failed) {
            auto [text, advice] = split_advice(result.error->message, advice_for_step(result.step));
            const bool refused =
                result.error->code == signalr::errc::unauthorized || result.error->code == signalr::errc::forbidden;
            findings.problem(refused ? check + ".credentials" : name, std::move(text), std::move(advice));
        }
        if (result.step == signalr::ProbeStep::tls && report.certificate) {
            const auto& certificate = *report.certificate;
            check_expiry(findings, check + ".certificate", certificate.subject, certificate.not_before,
                         certificate.not_after, now);
        }
    }
}

void explain_clock(Findings& findings, Duration ahead) {
    const auto away = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::abs(ahead));
    if (away < 30s) return findings.ok("clock.offset", "this machine's clock agrees with the hub's");
    const std::string text =
        "this machine's clock is " + about(away) + (ahead > 0s ? " ahead of" : " behind") + " the hub's";
    const std::string advice = "have both synchronised (`timedatectl`): tokens and certificates are valid by the clock";
    if (away < 300s) return findings.warning("clock.offset", text, advice);
    findings.problem("clock.offset", text, advice);
}

void explain_call(Findings& findings, const delivery::SendResult& answer) {
    using delivery::StatusCode;
    const std::string name = "grpc.service";
    const std::string words = shown(answer.code, answer.message);
    switch (answer.code) {
        case StatusCode::unauthenticated:
            return findings.problem("grpc.credentials",
                                    "the result server does not know the credentials (" + words + ")",
                                    "check the access token or API key, and whether it has expired");
        case StatusCode::permission_denied:
            return findings.problem("grpc.credentials",
                                    "the credentials are known, but may not send results (" + words + ")",
                                    "ask the server's owner for the permission");
        case StatusCode::unimplemented:
            return findings.problem(name, "something answers that has no result service (" + words + ")",
                                    "check Grpc.ServerUrl; a proxy in between must pass HTTP/2 and gRPC on");
        case StatusCode::unavailable:
            return findings.problem(name, "the port is open, but no gRPC server answers (" + words + ")",
                                    "check Grpc.ServerUrl: its port, and whether it is https or http; a proxy in "
                                    "between must pass HTTP/2 on");
        case StatusCode::deadline_exceeded:
        case StatusCode::cancelled:
            return findings.problem(name, "the result server gives no answer in time (" + words + ")",
                                    "look at the server's log and load");
        case StatusCode::resource_exhausted:
            return findings.warning(name, "the result server is there, and busy (" + words + ")",
                                    "look at the server's load and limits");
        default:
            break;
    }
    if (is_no_grpc(answer.message)) {
        return findings.problem(name, "a web server or proxy answers instead of a gRPC server (" + words + ")",
                                "check Grpc.ServerUrl; a proxy in between must pass HTTP/2 and gRPC on");
    }
    findings.ok(name, "the result service is there: it refused an unreadable message (" + words + ")");
}

}  // namespace jiro::daemon::cli
