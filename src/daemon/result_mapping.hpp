// SPDX-License-Identifier: MIT
#pragma once
// Between the words of `commands` and those of `delivery`, which do not know each other: a finished command becomes an
// Outcome, a command message becomes the payload that the journal keeps and back. Pure; used by Journal and
// Application.

#include <string>

#include "jiro/commands/command_message.hpp"
#include "jiro/delivery/outbox.hpp"
#include "jiro/delivery/outcome.hpp"

namespace jiro::daemon {

[[nodiscard]] delivery::Outcome to_outcome(FinishedCommand command);

[[nodiscard]] std::string to_payload(const CommandMessage& message);
// Fails on a payload that this program did not write (a damaged row).
[[nodiscard]] Result<CommandMessage> from_payload(const std::string& payload);

// The final outcome of a command whose handler will not run (again): `interrupted` or `timed_out`.
[[nodiscard]] delivery::Bytes make_lost_outcome(const Receipt& receipt, delivery::OutcomeKind kind);

}  // namespace jiro::daemon
