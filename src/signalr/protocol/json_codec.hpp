// SPDX-License-Identifier: MIT
#pragma once
// Records to messages and back (HubProtocol, "JSON Encoding"). Pure; one parse a record. What the specification leaves
// open follows docs/signalr-client.md: unknown members and types are skipped, null and "" ids count as absent.

#include <functional>
#include <string>
#include <string_view>

#include "jiro/base/error.hpp"
#include "signalr/protocol/hub_message.hpp"

namespace jiro::signalr {

// `record` without its separator. An error (protocol_error, invalid_json, invalid_utf8, nesting_too_deep,
// too_many_values) ends the connection; it never quotes the record. An Invocation whose arguments have too many
// values does not: the one who called gets the answer (InvocationMessage::over_limit).
// `reader_of`: for whose Invocations there is one, it gets the arguments, if the target stands before them as in every
// known server's records; otherwise they are a tree.
using ReaderOfTarget = std::function<ArgumentsReader(const std::string& target)>;
[[nodiscard]] Result<HubMessage> parse_record(std::string_view record, const ReaderOfTarget& reader_of = {});

// Appends the record with its separator. Fails with invalid_utf8 when a text of ours is not UTF-8; nothing is appended
// then.
[[nodiscard]] Result<void> append_record(std::string& out, const HubMessage& message);

}  // namespace jiro::signalr
