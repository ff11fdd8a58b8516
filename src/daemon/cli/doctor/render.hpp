// SPDX-License-Identifier: MIT
#pragma once
// Findings as text for people and as JSON for machines. Pure. Texts of servers are in them: control characters are
// escaped.

#include <span>
#include <string>
#include <vector>

#include "daemon/cli/doctor/finding.hpp"
#include "jiro/base/secret.hpp"

namespace jiro::daemon::cli {

enum class Colour { off, on };

[[nodiscard]] Verdict worst(std::span<const Finding> findings);
[[nodiscard]] std::string render_text(std::span<const Finding> findings, Colour colour);
// {"result": "ok", "problems": 0, "warnings": 0, "findings": [{verdict, section, check, text, advice}]}
[[nodiscard]] std::string render_json(std::span<const Finding> findings);

// A last line of defence: what a server or a file name says may repeat a credential; it becomes ***.
void hide(std::vector<Finding>& findings, std::span<const Secret> secrets);

}  // namespace jiro::daemon::cli
