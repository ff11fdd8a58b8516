// SPDX-License-Identifier: MIT
#pragma once
// One attempt: credentials, negotiate with its redirects, WebSocket upgrade, hub handshake. Always starts at the
// original URL with the application's own credentials; what a redirect gave dies with the attempt, or with the
// connection that came of it.

#include <optional>
#include <string>
#include <vector>

#include "signalr/connection/failure.hpp"
#include "signalr/connection/session.hpp"
#include "signalr/protocol/cookie_jar.hpp"
#include "signalr/protocol/negotiate.hpp"

namespace jiro::signalr {

// Exactly one of the two.
struct Attempt {
    std::optional<Established> connection;
    std::optional<Failure> failure;
};

// How far an attempt came, for the doctor's probe.
struct AttemptProgress {
    int negotiations = 0;
    bool upgrade_asked = false;
    bool upgraded = false;
    std::string handshake_answer;         // the bytes
    std::optional<Duration> clock_ahead;  // our clock minus the server's, by the Date of its last answer
};

class Establish {
  public:
    Establish(Clock& clock, Connector& connector, Settings settings, CredentialsProvider credentials,
              Environment environment);

    // Before anything else: what was told on the connection before is masked as well when a hub repeats it.
    void mask_too(std::vector<Secret> secrets) { told_before_ = std::move(secrets); }
    // `handshake` takes the place of the real one (the probe's).
    [[nodiscard]] Task<Attempt> run(std::string_view handshake = {});
    // Instead of an attempt, for a connection that was cut and goes on where it was (stateful reconnect): a WebSocket
    // to it, with today's credentials. What comes back is this and the secrets, the rest of `cut` stays as it is.
    [[nodiscard]] Task<Attempt> reopen(const Established& cut);
    // Instead of an attempt, for a connection that stands: tells the server today's access token. How long that lives,
    // when the server says so.
    [[nodiscard]] Task<Result<std::optional<std::chrono::seconds>>> refresh_token(const Established& connection);
    // That were read for it: headers, access token, API key.
    [[nodiscard]] std::vector<Secret> own_secrets() const;
    [[nodiscard]] const AttemptProgress& progress() const noexcept { return progress_; }

  private:
    [[nodiscard]] std::optional<Failure> read_credentials();
    [[nodiscard]] Task<Attempt> outcome_of(Task<std::optional<Failure>> steps);
    [[nodiscard]] Task<std::optional<Failure>> connect();
    [[nodiscard]] Task<std::optional<Failure>> open_again(const Established& cut);
    [[nodiscard]] Task<std::optional<Failure>> negotiate();
    [[nodiscard]] Task<std::optional<Failure>> upgrade(Secret token);
    [[nodiscard]] Task<std::optional<Failure>> open_websocket();
    [[nodiscard]] Task<Result<void>> handshake();
    [[nodiscard]] Result<HttpRequest> request_to(const Url& url) const;
    [[nodiscard]] Result<HttpHeaders> headers_for(const Url& url) const;
    [[nodiscard]] http::Reach reach_to(const Url& url) const;
    [[nodiscard]] std::optional<Error> follow(NegotiateRedirect redirect);  // why it is not followed
    [[nodiscard]] Secret token_for(const Url& url) const;
    void keep_cookies(const Url& from, const HttpResponse& response);
    void keep_secret(const Secret& secret);
    void keep_secret_parts(std::string_view value);
    void keep_if_long(std::string_view value);
    void note_date(const HttpResponse& response);
    [[nodiscard]] std::string masked(std::string text) const;
    [[nodiscard]] Failure failure_of(Error error) const;
    [[nodiscard]] Failure status_failure(HttpStep step, const HttpResponse& response, const Url& url) const;

    Clock& clock_;
    Connector& connector_;
    Settings settings_;
    CredentialsProvider credentials_provider_;
    Environment environment_;

    Url origin_;  // the hub URL of the settings: where our own credentials may go
    Url url_;     // where the attempt has got to
    Secret own_token_;
    Secret redirect_token_;
    CookieJar cookies_;
    std::optional<NegotiateAccepted> accepted_;
    Established established_;
    std::size_t own_secrets_ = 0;      // of its secrets, the first
    std::string handshake_;            // instead of the real one
    std::vector<Secret> told_before_;  // not of this connection: it does not go on with it
    AttemptProgress progress_;
};

}  // namespace jiro::signalr
