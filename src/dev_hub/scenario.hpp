// SPDX-License-Identifier: MIT
#pragma once
// A scenario: commands, expectations and misbehaviour in order, one a line (docs/dev-hub.md). parse_scenario is pure
// and reports every bad line at once; run_scenario plays it on a running hub and says whether all expectations held.

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "dev_hub/dev_hub.hpp"

namespace jiro::dev_hub {

struct Step {
    enum class What { send, expect, wait_client, wait_result, misbehave, sleep, print, quit };
    enum class Expect { ok, error, text, contains, type, completion, accepted, clients };

    What what = What::quit;
    int line = 0;
    SendRequest send;
    Expect expect = Expect::ok;
    std::string text;  // what is expected, or a commandSyncId
    int number = 0;    // how many are expected
    Duration duration{};
    Misbehaviour misbehaviour;
};

// The error's message has a line "line N: why" for each bad line.
[[nodiscard]] Result<std::vector<Step>> parse_scenario(std::string_view text);

// What a scenario did; `failures` are expectations that did not hold, as "line N: why".
struct ScenarioReport {
    int steps = 0;
    std::vector<std::string> failures;
};
[[nodiscard]] Task<ScenarioReport> run_scenario(DevHub& hub, std::vector<Step> steps, std::ostream& out);

}  // namespace jiro::dev_hub
