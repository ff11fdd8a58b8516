// SPDX-License-Identifier: MIT
#pragma once
// What can be said about the configuration and the files that it names without asking anybody. Reads files.

#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/doctor/finding.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/config/config.hpp"
#include "jiro/config/credentials.hpp"
#include "jiro/config/load.hpp"

namespace jiro::daemon::cli {

// Every error as a problem: the daemon would not start.
void report_errors(Findings& findings, const std::vector<config::ConfigError>& errors);

void check_configuration(Findings& findings, const config::Config& config, const Environment& environment,
                         WallTime now);

// Fails, too, when a file of them does not answer in time.
[[nodiscard]] Result<Credentials> read_credentials_in_time(const config::CredentialSources& sources,
                                                           const Environment& environment);

// When an access token expires, if it is a JSON Web Token (RFC 7519) that says so: the claim `exp`, for which no key is
// needed.
[[nodiscard]] std::optional<WallTime> expiry_of(const Secret& access_token);

// How long a certificate has still to live, as a finding of its own.
void check_expiry(Findings& findings, const std::string& check, const std::string& whose, WallTime not_before,
                  WallTime not_after, WallTime now);

}  // namespace jiro::daemon::cli
