// SPDX-License-Identifier: MIT
#pragma once
// What a command ended with: its outcome, and a text or a graph. Made by handlers through the factory functions below,
// by the dispatcher for everything that went wrong around them; turned into a ClientMessage by the daemon.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/commands/command_message.hpp"

namespace jiro::commands {

enum class Outcome {
    succeeded,
    failed,       // the handler says so, threw, or returned too much
    timed_out,    // its time limit passed
    cancelled,    // by the hub, by a lost connection (OnConnectionLost: cancel) or by the daemon's stop
    rejected,     // never ran: busy, unknown, malformed, for another instance
    interrupted,  // the daemon died while it ran: effect unknown
};

[[nodiscard]] std::string_view to_string(Outcome outcome);

enum class TextType { plain, json, base64, markdown, html };

[[nodiscard]] std::string_view to_string(TextType type);

struct TextResult {
    std::string response;
    TextType type = TextType::plain;

    friend bool operator==(const TextResult&, const TextResult&) = default;
};

struct GraphResult {
    std::string message;     // title or sentence that goes with the chart
    std::string graph_data;  // JSON text, UTF-8: an object of arrays, or an array of objects
    std::string note;
    std::string x_axis;                                      // member of graph_data that is the x axis
    std::string y_axis;                                      // member(s) drawn against it, separated by commas
    std::vector<std::pair<std::string, std::string>> units;  // member to unit

    friend bool operator==(const GraphResult&, const GraphResult&) = default;
};

struct CommandResult {
    Outcome outcome = Outcome::succeeded;
    std::variant<TextResult, GraphResult> content;

    [[nodiscard]] bool is_success() const noexcept { return outcome == Outcome::succeeded; }
    [[nodiscard]] std::size_t size_bytes() const noexcept;
    // The text, or the graph's message: one line for logs and completions.
    [[nodiscard]] const std::string& message() const noexcept;

    static CommandResult text(std::string response, TextType type = TextType::plain);
    static CommandResult graph(GraphResult graph);
    static CommandResult failed(std::string message);
    static CommandResult timed_out(std::string message);
    static CommandResult cancelled(std::string message);
    static CommandResult rejected(std::string message);
    static CommandResult interrupted(std::string message);

    friend bool operator==(const CommandResult&, const CommandResult&) = default;
};

// A settled command: everything that its ClientMessage needs.
struct FinishedCommand {
    CommandMessage message;    // session_id is the final one: as received, created, or changed by the handler
    std::string command_name;  // as dispatched: the first word without `$`; empty when the text has none
    CommandResult result;
    Duration queue_time{};  // from receipt to start, or to refusal
    Duration run_time{};    // zero when it never ran
};

}  // namespace jiro::commands
