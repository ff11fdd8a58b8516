// SPDX-License-Identifier: MIT
#pragma once
// The hub and the result server, asked over the network, and what their answers mean. The asking blocks for as long as
// the configured limits say, but no step for more than kLongestStep.

#include <chrono>
#include <string>

#include "daemon/cli/doctor/finding.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/config/config.hpp"
#include "jiro/delivery/result_sender.hpp"
#include "jiro/signalr/probe.hpp"

namespace jiro::daemon::cli {

inline constexpr std::chrono::milliseconds kLongestStep{10'000};

// Both sections, and that of the clock. Nothing for what is not configured.
void check_network(Findings& findings, const config::Config& config, const Environment& environment);

// The pure parts. `check` is the prefix of the findings' names: "hub", "grpc".
void explain_steps(Findings& findings, const std::string& check, const signalr::ProbeReport& report, WallTime now);
void explain_clock(Findings& findings, Duration ahead);
// The answer to a call whose message no server can read: whoever says so has the service.
void explain_call(Findings& findings, const delivery::SendResult& answer);

}  // namespace jiro::daemon::cli
