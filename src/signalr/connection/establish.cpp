// SPDX-License-Identifier: MIT
#include "signalr/connection/establish.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

#include "jiro/base/peer_text.hpp"
#include "jiro/base/secret_mask.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/http/date.hpp"
#include "signalr/log.hpp"
#include "signalr/protocol/handshake.hpp"

namespace jiro::signalr {

namespace {

// A Date may be thousands of years away, more than nanoseconds can count.
constexpr std::chrono::seconds kMostClockAhead = std::chrono::years(100);
constexpr std::size_t kMaxPeerSecrets = 256;  // tokens and cookies of the redirects

bool is_rejection(const Error& error) {
    return error.code == errc::unauthorized || error.code == errc::forbidden || error.code == errc::classic_signalr ||
           error.code == errc::not_configured;
}

// The steps have their own limits; this one holds whatever a connector does.
Duration longest_negotiate(const StepLimits& limits) {
    return limits.resolve + limits.connect + limits.proxy + limits.tls + limits.negotiate;
}

}  // namespace

Establish::Establish(Clock& clock, Connector& connector, Settings settings, CredentialsProvider credentials,
                     Environment environment)
    : clock_(clock),
      connector_(connector),
      settings_(std::move(settings)),
      credentials_provider_(std::move(credentials)),
      environment_(std::move(environment)) {}

Task<Attempt> Establish::run(std::string_view handshake) {
    handshake_ = handshake;
    auto steps = connect();
    auto attempt = co_await outcome_of(std::move(steps));
    co_return attempt;
}

Task<Attempt> Establish::reopen(const Established& cut) {
    auto steps = open_again(cut);
    auto attempt = co_await outcome_of(std::move(steps));
    co_return attempt;
}

Task<Attempt> Establish::outcome_of(Task<std::optional<Failure>> steps) {
    Attempt attempt;
    try {
        attempt.failure = co_await std::move(steps);
        if (!attempt.failure) attempt.connection = std::move(established_);
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted) throw;
        attempt.failure = failure_of(Error(errc::internal, error.what()));
    } catch (const boost::asio::multiple_exceptions&) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);  // a time-limited step was cancelled
    } catch (const std::exception& error) {
        attempt.failure = failure_of(Error(errc::internal, error.what()));
    }
    co_return attempt;
}

Task<std::optional<Failure>> Establish::connect() {
    auto failure = read_credentials();
    if (!failure && !settings_.skip_negotiation) failure = co_await negotiate();
    if (!failure) failure = co_await open_websocket();
    co_return failure;
}

Task<std::optional<Failure>> Establish::open_again(const Established& cut) {
    auto failure = read_credentials();
    if (failure) co_return failure;
    if (cut.redirect) {
        url_ = cut.redirect->url;
        redirect_token_ = cut.redirect->access_token;
    }
    cookies_ = cut.cookies;
    for (const Secret& secret : cut.secrets) keep_secret(secret);
    failure = co_await upgrade(cut.connection_token);
    co_return failure;
}

std::optional<Failure> Establish::read_credentials() {
    if (!settings_.hub_url) return failure_of(Error(errc::not_configured, "WebSocket.HubUrl is not set"));
    origin_ = *settings_.hub_url;
    url_ = origin_;
    for (const auto& [name, value] : settings_.headers) {
        if (may_be_credential(name)) keep_secret_parts(value);
    }
    own_secrets_ = established_.secrets.size();
    if (!credentials_provider_) return std::nullopt;
    auto credentials = credentials_provider_();
    if (!credentials) {
        return failure_of(Error(errc::credentials_failed, "reading the credentials: " + credentials.error().message));
    }
    own_token_ = credentials->access_token;
    keep_secret(credentials->access_token);
    keep_secret(credentials->api_key);
    own_secrets_ = established_.secrets.size();
    if (!credentials->api_key.empty() && !url_.has_parameter("api_key")) {
        url_ = url_.with_parameter("api_key", credentials->api_key.reveal());
    }
    return std::nullopt;
}

Task<std::optional<Failure>> Establish::negotiate() {
    for (int requests = 0; requests < kMaxNegotiations; ++requests) {
        auto request = request_to(negotiate_url(url_, settings_.stateful_reconnect));
        if (!request) co_return failure_of(request.error());
        const Url target = request->url;
        signalr_log.debug("Negotiating", {{"url", target.redacted()}});
        ++progress_.negotiations;
        auto asking = connector_.post(std::move(*request));
        auto response_in_time = co_await with_timeout(clock_, longest_negotiate(settings_.limits), std::move(asking));
        if (!response_in_time) {
            co_return failure_of(
                Error(errc::negotiate_timeout, "negotiate with " + target.redacted() + ": no answer in time"));
        }
        auto& response = *response_in_time;
        if (!response) co_return failure_of(response.error());
        note_date(*response);
        keep_cookies(target, *response);
        if (response->status != 200) co_return status_failure(HttpStep::negotiate, *response, target);

        auto answer = parse_negotiate_answer(response->body, settings_.stateful_reconnect);
        if (!answer) co_return failure_of(answer.error().with_prefix("negotiate with " + target.redacted()));
        if (auto* accepted = std::get_if<NegotiateAccepted>(&*answer)) {
            accepted_ = std::move(*accepted);
            accepted_->connection_id = masked(std::move(accepted_->connection_id));
            keep_secret(accepted_->connection_token);
            co_return std::nullopt;
        }
        if (auto refused = follow(std::get<NegotiateRedirect>(std::move(*answer)))) {
            co_return failure_of(refused->with_prefix("negotiate with " + target.redacted()));
        }
    }
    co_return failure_of(Error(errc::too_many_redirects, "negotiate with " + origin_.redacted() + " was redirected " +
                                                             std::to_string(kMaxNegotiations) + " times"));
}

// What the settings protect stays protected: a hub behind TLS does not lead out of it, none leads to where it could not
// have been configured, and none that is elsewhere makes this machine's own services its target. This is the text's
// word; reach_to() holds for what it resolves to.
std::optional<Error> Establish::follow(NegotiateRedirect redirect) {
    const std::string where = redirect.url.redacted();
    if (url_.is_tls() && !redirect.url.is_tls()) {
        return Error(errc::redirect_refused, "it redirects to " + where + ", which is not encrypted");
    }
    if (!may_be_hub(settings_, redirect.url)) {
        return Error(errc::redirect_refused,
                     "it redirects to " + where + ", which is neither encrypted nor this machine (AllowInsecure)");
    }
    if (redirect.url.is_loopback() && !origin_.is_loopback()) {
        return Error(errc::redirect_refused, "it redirects to " + where + ", which is this machine");
    }
    signalr_log.info("The hub redirects to another address", {{"url", where}});
    if (!is_same_origin(url_, redirect.url)) cookies_ = {};  // of a server that this attempt has left
    url_ = std::move(redirect.url);
    if (!redirect.access_token.empty()) {
        redirect_token_ = std::move(redirect.access_token);
        keep_secret(redirect_token_);
    }
    established_.redirect = {url_, redirect_token_};
    return std::nullopt;
}

Task<std::optional<Failure>> Establish::upgrade(Secret token) {
    auto request = request_to(websocket_url(url_, token));
    if (!request) co_return failure_of(request.error());
    const Url target = request->url;
    signalr_log.debug("Opening the WebSocket", {{"url", target.redacted()}});
    progress_.upgrade_asked = true;
    auto opened = co_await connector_.open(std::move(*request));
    if (!opened) co_return failure_of(opened.error());
    note_date(opened->response);
    if (!opened->transport) co_return status_failure(HttpStep::upgrade, opened->response, target);
    progress_.upgraded = true;
    keep_cookies(target, opened->response);
    established_.cookies = cookies_;
    established_.transport = std::move(opened->transport);
    co_return std::nullopt;
}

Task<std::optional<Failure>> Establish::open_websocket() {
    const Secret token = accepted_ ? accepted_->connection_token : Secret();
    auto failure = co_await upgrade(token);
    if (failure) co_return failure;
    established_.hub_url = url_;
    established_.splitter = RecordSplitter(settings_.max_message_bytes);
    established_.stateful = accepted_ && accepted_->stateful_reconnect;
    if (accepted_) {
        established_.connection_id = accepted_->connection_id;
        established_.connection_token = accepted_->connection_token;
        established_.token_lifetime = accepted_->token_lifetime;
    }

    const auto answered = co_await with_timeout(clock_, settings_.handshake_timeout, handshake());
    if (!answered) {
        co_return failure_of(Error(errc::handshake_timeout,
                                   "the hub did not answer the handshake within " +
                                       std::to_string(settings_.handshake_timeout.count()) +
                                       " ms; check that the URL is a SignalR hub and the server is not overloaded"));
    }
    if (!*answered) co_return failure_of(answered->error());
    co_return std::nullopt;
}

Task<Result<void>> Establish::handshake() {
    Transport& transport = *established_.transport;
    RecordSplitter& splitter = established_.splitter;
    const auto request = handshake_.empty() ? handshake_request(established_.stateful) : handshake_;
    const auto sent = co_await transport.send(request);
    if (!sent) co_return sent.error().with_prefix("the handshake");
    for (;;) {
        const auto chunk = co_await transport.receive();
        if (!chunk) {
            co_return Error(errc::handshake_failed,
                            "the server disconnected before sending a handshake response: " + chunk.error().message);
        }
        progress_.handshake_answer += *chunk;
        splitter.feed(*chunk);
        if (const auto record = splitter.next()) co_return parse_handshake_response(*record);
        if (splitter.overflowed())
            co_return Error(errc::message_too_big, "the handshake response is over MaxMessageBytes");
    }
}

Task<Result<std::optional<std::chrono::seconds>>> Establish::refresh_token(const Established& connection) {
    if (auto failure = read_credentials()) co_return std::move(failure->error);
    keep_secret(connection.connection_token);
    cookies_ = connection.cookies;
    auto request = request_to(refresh_url(url_, connection.connection_token));
    if (!request) co_return request.error();
    const std::string what = "refreshing the access token at " + request->url.redacted();
    auto asking = connector_.post(std::move(*request));
    auto response = co_await with_timeout(clock_, longest_negotiate(settings_.limits), std::move(asking));
    if (!response) co_return Error(errc::negotiate_timeout, what + ": no answer in time");
    if (!*response) co_return failure_of((*response).error()).error;
    if ((*response)->status != 200) {
        co_return Error(errc::negotiate_failed,
                        what + " was answered with HTTP status " + std::to_string((*response)->status));
    }
    co_return token_lifetime_in((*response)->body);
}

std::vector<Secret> Establish::own_secrets() const {
    const auto& all = established_.secrets;
    return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(own_secrets_)};
}

void Establish::keep_cookies(const Url& from, const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
        if (!equal_ignoring_case(name, "Set-Cookie")) continue;
        if (const auto kept = cookies_.store(from, value, clock_.wall_now())) keep_if_long(*kept);
    }
}

// To be taken out of whatever a peer says: our own, and the last of those that peers gave.
void Establish::keep_secret(const Secret& secret) {
    auto& secrets = established_.secrets;
    if (std::ranges::find(secrets, secret) != secrets.end()) return;
    if (secrets.size() - own_secrets_ >= kMaxPeerSecrets)
        secrets.erase(secrets.begin() + static_cast<std::ptrdiff_t>(own_secrets_));
    secrets.push_back(secret);
}

// Any header may hold a credential, and what comes back of it may be a part: what follows the scheme ("Bearer x"), or
// the name ("Cookie: a=x; b=y").
void Establish::keep_secret_parts(std::string_view value) {
    keep_if_long(value);
    while (!value.empty()) {
        const auto end = std::min(value.find_first_of(";,"), value.size());
        auto part = trimmed(value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
        const auto space = part.find(' ');
        keep_if_long(part.substr((space == std::string_view::npos ? part.find('=') : space) + 1));
    }
}

void Establish::keep_if_long(std::string_view value) {
    if (value.size() >= SecretMask::kMinLength) keep_secret(Secret(std::string(value)));
}

void Establish::note_date(const HttpResponse& response) {
    const std::string* const text = find_header(response.headers, "Date");
    const auto date = text == nullptr ? std::nullopt : http::parse_http_date(*text);
    if (!date) return;
    const auto ahead = std::chrono::floor<std::chrono::seconds>(clock_.wall_now()) - *date;
    progress_.clock_ahead = std::clamp<std::chrono::seconds>(ahead, -kMostClockAhead, kMostClockAhead);
}

Failure Establish::failure_of(Error error) const {
    Failure failure{std::move(error)};
    failure.rejected = is_rejection(failure.error);
    failure.error.message = masked(std::move(failure.error.message));
    return failure;
}

std::string Establish::masked(std::string text) const {
    std::vector<Secret> secrets = established_.secrets;
    secrets.insert(secrets.end(), told_before_.begin(), told_before_.end());
    return peer_text(text, secrets);
}

Failure Establish::status_failure(HttpStep step, const HttpResponse& response, const Url& url) const {
    Failure failure = failure_of(status_error(step, response, url));
    if (const auto* value = find_header(response.headers, "Retry-After")) {
        if (const auto wait = http::parse_retry_after(*value, clock_.wall_now())) failure.retry_after = *wait;
    }
    return failure;
}

std::string peer_text(std::string_view text, const std::vector<Secret>& secrets) {
    constexpr std::size_t kLookedAt = 16 * kMaxPeerText;  // a message may be megabytes long
    return shortened(redacted(shortened(text, kLookedAt), secrets));
}

}  // namespace jiro::signalr
