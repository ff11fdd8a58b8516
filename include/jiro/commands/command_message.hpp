// SPDX-License-Identifier: MIT
#pragma once
// A command as the hub sent it. `parse_command_message` turns an invocation's argument into one; it is pure, never
// throws, and says by name what is wrong. intake calls it; what it refuses but could identify still gets an error
// result.

#include <array>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"

namespace jiro::commands {

using Parameters = std::vector<std::pair<std::string, std::string>>;  // in the message's order

struct CommandMessage {
    std::string instance_id;
    std::string command;          // the text: name and arguments
    std::string command_sync_id;  // the idempotency key; never empty once parsed without error
    std::string session_id;       // empty: none was given; the dispatcher creates one
    Parameters parameters;

    friend bool operator==(const CommandMessage&, const CommandMessage&) = default;
};

struct MessageLimits {
    std::size_t command_sync_id_bytes = 256;
    std::size_t command_bytes = 1048576;
    std::size_t parameter_count = 256;
    std::size_t parameter_bytes = 1048576;  // keys and values together
    // Of the string form; it is read without a tree, so that it may hold more than a record.
    std::size_t json_depth = 32;
    std::size_t json_values = 131072;
};

// With an error, `message` holds what could be read, so that it can be refused under its commandSyncId.
struct ParsedMessage {
    CommandMessage message;
    std::optional<Error> error;

    // False: nothing to answer under; count it as rejected, and answer the invocation, if it waits, with the error.
    [[nodiscard]] bool answerable() const noexcept { return !message.command_sync_id.empty(); }
};

// `argument` is the invocation's first argument: an object, or a string holding one. Member names match
// case-insensitively, unknown ones are ignored, sessionId, instanceId and parameters may be missing or null; numbers
// and booleans in parameters are taken by their JSON text.
[[nodiscard]] ParsedMessage parse_command_message(nlohmann::json argument, const MessageLimits& limits = {});

// SHA-256 over instance, command text and parameters, whatever their order: tells a repeated command from another one
// under the same id. The session is left out, since the dispatcher fills in a missing one before the journal sees the
// message.
using Fingerprint = std::array<unsigned char, 32>;
[[nodiscard]] Fingerprint fingerprint(const CommandMessage& message);

// The message as one JSON object with the contract's member names; what an exec command gets on standard input.
[[nodiscard]] std::string to_json(const CommandMessage& message);

}  // namespace jiro::commands
