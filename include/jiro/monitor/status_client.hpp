// SPDX-License-Identifier: MIT
#pragma once
// Asks a running daemon, from the command line tool: blocking, with a time limit for the whole exchange. The other side
// may be anything that happens to listen there: an answer that is too large, too slow or not what it should be is a
// named error.

#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"
#include "jiro/monitor/settings.hpp"

namespace jiro::monitor {

struct Answer {
    int status = 0;
    std::string body;
};

// One person waits for it: as much as is read as JSON then. A result of 3 MiB fits, whatever its characters are.
inline constexpr std::size_t kMaxAnswerBytes = kPatientJsonLimits.bytes;

// Any status is an answer; errors are not_running, no_permission, timeout, answer_too_large, answer_malformed,
// connection_lost and switched_off.
[[nodiscard]] Result<Answer> get(const Listen& listen, std::string_view target, Duration limit);
[[nodiscard]] Result<Answer> post(const Listen& listen, std::string_view target, std::string_view body, Duration limit);

// The JSON object of /status, which has a `state`; 503 is `busy`, any other status than 200 `refused`.
[[nodiscard]] Result<std::string> fetch_status(const Listen& listen, Duration limit);

}  // namespace jiro::monitor
