// SPDX-License-Identifier: MIT
#pragma once
// What became of a command, and its one serialised form. The daemon maps commands::CommandResult to Outcome; the
// courier serialises it once (serialise), the outbox stores those bytes, and they are what is sent each time. Pure
// functions, callable on any thread.

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace jiro::delivery {

enum class OutcomeKind {
    succeeded,
    failed,     // the handler failed, or threw
    timed_out,  // over its time limit, or too old to start after a restart
    cancelled,
    rejected,     // never ran: busy, unknown, refused, invalid
    interrupted,  // the daemon died while it ran: effect unknown
};

[[nodiscard]] std::string_view to_string(OutcomeKind kind) noexcept;

enum class TextType { plain, json, base64, markdown, html };

struct Text {
    std::string response;  // any bytes; what is not UTF-8 travels as BASE64
    TextType type = TextType::plain;
};

struct Graph {
    std::string message;
    std::string data;  // UTF-8 JSON
    std::string note;
    std::string x_axis;
    std::string y_axis;
    std::map<std::string, std::string> units;
};

struct Outcome {
    std::string command_name;
    std::string command_sync_id;
    std::string session_id;
    std::vector<std::pair<std::string, std::string>> parameters;
    OutcomeKind kind = OutcomeKind::succeeded;
    std::variant<Text, Graph> result;  // for every kind but succeeded: a Text with the error message
};

// Serialised ClientMessage, shared by the outbox, the courier and gRPC without a copy.
using Bytes = std::shared_ptr<const std::string>;

// The room that a result's text or graph data may take by default (gRPC servers refuse messages over 4 MiB).
inline constexpr std::size_t kMaxResultBytes = 3 * 1024 * 1024;

// Never fails: every kind but succeeded becomes isSuccess=false with PLAIN text; a text over `max_bytes` keeps its
// beginning and its end around a line that says how much was left out; a graph over it becomes a text that says so;
// every string field is made valid UTF-8.
[[nodiscard]] Bytes serialise(Outcome outcome, std::size_t max_bytes = kMaxResultBytes);

// The same message with its text cut so that all of it takes at most `max_bytes`; the text says how much is missing,
// and `why`. nullopt: it is not longer, there is no room for any text, or the bytes are no ClientMessage.
[[nodiscard]] std::optional<Bytes> cut(std::string_view message, std::size_t max_bytes, std::string_view why);

// A stored message as indented JSON, for `jiro-client outbox show`.
[[nodiscard]] std::string describe(std::string_view message);

}  // namespace jiro::delivery
