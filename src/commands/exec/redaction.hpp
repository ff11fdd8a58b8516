// SPDX-License-Identifier: MIT
#pragma once
// The values that a command's Redact names. Variables are the definition's own; files are read anew for each run, since
// secrets rotate, on another thread, and by the daemon's user. A file that cannot be read, or holds nothing that can be
// masked, keeps the command from running: what it prints could not be made safe.

#include <string>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

// What is wrong with `redact` in itself, "Redact: ...".
void check_redaction(const ExecCommand& command, std::vector<std::string>& problems);

// errc::not_redacted says which value, and why. Cancellable.
[[nodiscard]] Task<Result<std::vector<std::string>>> values_to_redact(const ExecCommand& command, Clock& clock,
                                                                      TimePoint deadline);

// The values of a file's text: the whole of it, or each line of several that is long enough. Empty: there is none.
// Pure.
[[nodiscard]] std::vector<std::string> values_in(std::string_view text);

}  // namespace jiro::commands
