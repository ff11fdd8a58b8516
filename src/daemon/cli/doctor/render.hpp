// SPDX-License-Identifier: MIT
#pragma once
// Findings as text for people and as JSON for machines. Pure. Texts of servers are in them: control characters are
// escaped.

#include <span>
#include <string>

#include "daemon/cli/doctor/finding.hpp"

namespace jiro::daemon::cli {

enum class Colour { off, on };

[[nodiscard]] Verdict worst(std::span<const Finding> findings);
[[nodiscard]] std::string render_text(std::span<const Finding> findings, Colour colour);
// {"result": "ok", "problems": 0, "warnings": 0, "findings": [{verdict, section, check, text, advice}]}
[[nodiscard]] std::string render_json(std::span<const Finding> findings);

}  // namespace jiro::daemon::cli
