// SPDX-License-Identifier: MIT
#include "jiro/signalr/probe.hpp"

#include <algorithm>

#include "signalr/connection/establish.hpp"
#include "signalr/protocol/http_date.hpp"
#include "signalr/protocol/json_reader.hpp"
#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

using End = ProbeResult::End;

namespace {

// No hub knows this protocol: it answers the handshake with an error and forgets the connection, before any code of the
// hub's application runs. A good handshake would make this probe a client, to which the hub might send commands.
constexpr std::string_view kProbeHandshake = "{\"protocol\":\"jiro-client-doctor\",\"version\":1}\x1e";

// What went over the wire while Establish did its work.
struct Observed {
    int negotiations = 0;
    bool upgrade_asked = false;
    bool upgraded = false;
    std::string handshake_answer;
    std::optional<Duration> clock_ahead;
};

// Says kProbeHandshake instead of the real one, and keeps the answer.
class ProbeTransport final : public Transport {
  public:
    ProbeTransport(std::unique_ptr<Transport> real, std::shared_ptr<Observed> observed)
        : real_(std::move(real)), observed_(std::move(observed)) {}

    Task<Result<void>> send(std::string_view) override { return real_->send(kProbeHandshake); }
    Task<Result<std::string_view>> receive() override {
        auto chunk = co_await real_->receive();
        if (chunk) observed_->handshake_answer += *chunk;
        co_return chunk;
    }
    std::optional<std::uint16_t> close_code() const override { return real_->close_code(); }
    Task<> close(std::uint16_t code) override { return real_->close(code); }
    void abort() override { real_->abort(); }

  private:
    std::unique_ptr<Transport> real_;
    std::shared_ptr<Observed> observed_;
};

class ProbeConnector final : public Connector {
  public:
    ProbeConnector(std::shared_ptr<Connector> real, Clock& clock)
        : real_(std::move(real)), clock_(clock), observed_(std::make_shared<Observed>()) {}

    Task<Result<HttpResponse>> post(HttpRequest request) override {
        ++observed_->negotiations;
        auto response = co_await real_->post(std::move(request));
        if (response) note_date(*response);
        co_return response;
    }

    Task<Result<Upgrade>> open(HttpRequest request) override {
        observed_->upgrade_asked = true;
        auto upgrade = co_await real_->open(std::move(request));
        if (upgrade) note_date(upgrade->response);
        if (upgrade && upgrade->transport) {
            observed_->upgraded = true;
            upgrade->transport = std::make_unique<ProbeTransport>(std::move(upgrade->transport), observed_);
        }
        co_return upgrade;
    }

    [[nodiscard]] const Observed& observed() const noexcept { return *observed_; }

  private:
    void note_date(const HttpResponse& response) {
        const std::string* const text = find_header(response.headers, "Date");
        const auto date = text == nullptr ? std::nullopt : parse_http_date(*text);
        if (date) observed_->clock_ahead = clock_.wall_now() - *date;
    }

    std::shared_ptr<Connector> real_;
    Clock& clock_;
    std::shared_ptr<Observed> observed_;  // shared with the transport, which may outlive this
};

// The hub answered the handshake as the protocol wants it: with the error that the probe asked for, or even with none.
bool is_handshake_answer(const std::string& bytes) {
    const auto end = bytes.find(kRecordSeparator);
    if (end == std::string::npos) return false;
    const auto object = read_json_object(std::string_view(bytes).substr(0, end));
    if (!object || object->contains("type")) return false;
    const auto error = object->find("error");
    return error == object->end() || error->is_null() || error->is_string();
}

class HubReport {
  public:
    HubReport(ProbeReport path, const Settings& settings) : report_(std::move(path)), settings_(settings) {}

    void skip_rest(ProbeStep first, const char* why) {
        for (auto step = static_cast<int>(first); step <= static_cast<int>(ProbeStep::handshake); ++step)
            skipped(static_cast<ProbeStep>(step), why);
    }

    void attempt(const Observed& observed, const std::optional<Failure>& failure, bool has_credentials) {
        report_.clock_ahead = observed.clock_ahead;
        const bool shaken = is_handshake_answer(observed.handshake_answer);
        const bool failed_before_asking = observed.negotiations == 0 && !observed.upgrade_asked;
        if (failure && failed_before_asking) return fail(ProbeStep::credentials, failure->error);
        if (has_credentials) {
            passed(ProbeStep::credentials, "the access token or API key can be read");
        } else {
            skipped(ProbeStep::credentials, "none are configured");
        }
        if (failure && !observed.upgrade_asked) return fail(ProbeStep::negotiate, failure->error);
        if (settings_.skip_negotiation) {
            skipped(ProbeStep::negotiate, "SkipNegotiation is set");
        } else {
            passed(ProbeStep::negotiate, observed.negotiations > 1 ? "the hub offers WebSockets, after a redirect"
                                                                   : "the hub offers WebSockets");
        }
        if (failure && !observed.upgraded) return fail(ProbeStep::upgrade, failure->error);
        passed(ProbeStep::upgrade, "the WebSocket opens");
        if (failure && !shaken) return fail(ProbeStep::handshake, failure->error);
        passed(ProbeStep::handshake, "a SignalR hub answers the handshake");
    }

    ProbeReport take() { return std::move(report_); }

  private:
    void passed(ProbeStep step, std::string seen) { report_.steps.push_back({step, End::passed, std::move(seen), {}}); }
    void skipped(ProbeStep step, std::string why) { report_.steps.push_back({step, End::skipped, std::move(why), {}}); }
    void fail(ProbeStep step, const Error& error) {
        report_.steps.push_back({step, End::failed, {}, error});
        if (step != ProbeStep::handshake) skip_rest(static_cast<ProbeStep>(static_cast<int>(step) + 1), "not reached");
    }

    ProbeReport report_;
    const Settings& settings_;
};

ProbeReport unseen_path(const char* why) {
    ProbeReport report;
    for (const auto step : {ProbeStep::resolve, ProbeStep::connect, ProbeStep::proxy, ProbeStep::tls})
        report.steps.push_back({step, End::skipped, why, {}});
    return report;
}

}  // namespace

std::string_view to_string(ProbeStep step) noexcept {
    static constexpr std::string_view kNames[] = {"resolve",     "connect",   "proxy",   "tls",
                                                  "credentials", "negotiate", "upgrade", "handshake"};
    return kNames[static_cast<std::size_t>(step)];
}

const ProbeResult* ProbeReport::failure() const noexcept {
    const auto found = std::ranges::find(steps, End::failed, &ProbeResult::end);
    return found == steps.end() ? nullptr : &*found;
}

Task<ProbeReport> probe_hub(Settings settings, Dependencies dependencies) {
    ProbeReport seen = unseen_path("sockets are the caller's");
    auto real = dependencies.connector;
    if (!real) {
        real = make_beast_connector(dependencies.clock);
        auto proxy = proxy_for(settings.proxy, *settings.hub_url, dependencies.environment);
        if (!proxy) {
            seen = unseen_path("not reached");
            seen.steps[static_cast<std::size_t>(ProbeStep::proxy)] = {ProbeStep::proxy, End::failed, {}, proxy.error()};
        } else {
            NetworkPath path{*settings.hub_url, settings.tls, std::move(*proxy), settings.limits};
            seen = co_await probe_network_path(dependencies.clock, std::move(path));
        }
    }
    const bool is_blocked = seen.failure() != nullptr;
    HubReport report(std::move(seen), settings);
    if (is_blocked) {
        report.skip_rest(ProbeStep::credentials, "not reached");
        co_return report.take();
    }
    bool has_credentials = false;
    const auto credentials = [&]() -> Result<Credentials> {
        if (!dependencies.credentials) return Credentials{};
        auto read = dependencies.credentials();
        has_credentials = read && (!read->access_token.empty() || !read->api_key.empty());
        return read;
    };
    ProbeConnector connector(std::move(real), dependencies.clock);
    Establish establish(dependencies.clock, connector, settings, credentials, dependencies.environment);
    const auto attempt = co_await establish.run();
    if (attempt.connection) attempt.connection->transport->abort();
    report.attempt(connector.observed(), attempt.failure, has_credentials);
    co_return report.take();
}

}  // namespace jiro::signalr
