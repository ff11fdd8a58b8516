// SPDX-License-Identifier: MIT
#pragma once
// Looks at the way to a hub step by step, for `jiro-client doctor`: with the same settings, the same code and the same
// errors as the real connection, and without its effects. It never becomes a client of the hub: its handshake names a
// protocol that no hub has, which the hub refuses before it would count or call anybody. All on the event loop.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/signalr/hub_connection.hpp"
#include "jiro/signalr/settings.hpp"

namespace jiro::signalr {

enum class ProbeStep { resolve, connect, proxy, tls, credentials, negotiate, upgrade, handshake };

[[nodiscard]] std::string_view to_string(ProbeStep step) noexcept;  // the enumerator's name

struct ProbeResult {
    enum class End { passed, failed, skipped };

    ProbeStep step = ProbeStep::resolve;
    End end = End::skipped;
    std::string seen;            // passed: what was found; skipped: why
    std::optional<Error> error;  // failed: as the connection would report it
};

struct Certificate {
    std::string subject;  // one line, as OpenSSL prints it
    WallTime not_before{};
    WallTime not_after{};
};

struct ProbeReport {
    std::vector<ProbeResult> steps;          // in the order of ProbeStep
    std::optional<Certificate> certificate;  // of the server's chain, the one that expires first
    std::optional<Duration> clock_ahead;     // our clock minus the server's, to about a second

    [[nodiscard]] const ProbeResult* failure() const noexcept;  // the first that failed; null: none

    void passed(ProbeStep step, std::string seen) {
        steps.push_back({step, ProbeResult::End::passed, std::move(seen), {}});
    }
    void skipped(ProbeStep step, std::string why) {
        steps.push_back({step, ProbeResult::End::skipped, std::move(why), {}});
    }
    void failed(ProbeStep step, Error error) {
        steps.push_back({step, ProbeResult::End::failed, {}, std::move(error)});
    }
};

// resolve, connect, proxy and tls, to any server: Grpc.ServerUrl is looked at by it, too.
[[nodiscard]] Task<ProbeReport> probe_network_path(Clock& clock, http::Endpoint endpoint);

// All steps to settings.hub_url, which must be set. With a connector in `dependencies` (tests) the steps up to tls are
// skipped.
[[nodiscard]] Task<ProbeReport> probe_hub(Settings settings, Dependencies dependencies);

// Of the certificates in a PEM text, the one that expires first. Fails when there is none.
[[nodiscard]] Result<Certificate> first_to_expire(std::string_view pem);

}  // namespace jiro::signalr
