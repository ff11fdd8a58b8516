// SPDX-License-Identifier: MIT
#pragma once
// From an invocation's arguments to a CommandMessage, and what is made of one. Pure; reading never throws, and says by
// name what is wrong. Intake calls it; what it refuses but could identify still gets an error result.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"
#include "jiro/base/json.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

struct MessageLimits {
    std::size_t command_sync_id_bytes = 256;
    std::size_t command_bytes = 1048576;
    std::size_t parameter_count = 256;      // a definition has no more, either
    std::size_t parameter_bytes = 1048576;  // keys and values together
    // Of the string form; a record has its own.
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

// Takes an invocation's arguments as they are read, without a tree of them. The first one counts: an object, or a
// string holding one. Member names match case-insensitively, unknown ones are ignored, sessionId, instanceId and
// parameters may be missing or null; numbers and booleans in parameters are taken by their JSON text. `traceparent` and
// `tracestate` are what to_json() writes, and a way for hubs that send no headers; what is not valid there is passed
// over.
class MessageReader : public JsonHandler {
  public:
    virtual ~MessageReader() = default;
    // Of what was read, once.
    [[nodiscard]] virtual ParsedMessage take() = 0;
};

[[nodiscard]] std::shared_ptr<MessageReader> make_message_reader(const MessageLimits& limits = {});

// The string form's string.
[[nodiscard]] ParsedMessage parse_command_message(std::string_view text, const MessageLimits& limits = {});

// Parameters alone, as a model calls a tool: one JSON object, read as a message's.
[[nodiscard]] Result<Parameters> parse_parameters(std::string_view object, const MessageLimits& limits = {});

// A hash over instance, command text and parameters, whatever their order: tells a repeated command from another one
// under the same id. The session is left out, since the dispatcher fills in a missing one before the journal sees the
// message.
[[nodiscard]] Fingerprint fingerprint(const CommandMessage& message);

// What the command would be dispatched as: the first word, without `$`, made valid and cut. For a command that has no
// handler.
[[nodiscard]] std::string command_name(const CommandMessage& message);

// The message as one JSON object with the contract's member names; what an exec command gets on standard input.
[[nodiscard]] std::string to_json(const CommandMessage& message);

// What the journal keeps of a command, for a restart: the message, and of one that was refused when it came why, so
// that it is refused then, too.
[[nodiscard]] std::string to_payload(const CommandMessage& message, const std::optional<Error>& refusal);
struct ParsedPayload {
    CommandMessage message;
    std::optional<std::string> refusal;
};
[[nodiscard]] Result<ParsedPayload> parse_payload(std::string_view payload);

}  // namespace jiro::commands
