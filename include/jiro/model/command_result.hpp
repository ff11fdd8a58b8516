// SPDX-License-Identifier: MIT
#pragma once
// What a command ended with: its outcome, and a text or a graph. Values: made by handlers and the dispatcher,
// serialised and delivered by delivery, counted by monitor.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro {

enum class Outcome {
    succeeded,
    failed,       // the handler says so, threw, or returned too much
    timed_out,    // its time limit passed, or it is too old to start after a restart
    cancelled,    // by the hub, by a lost connection (OnConnectionLost: cancel) or by the daemon's stop
    rejected,     // never ran: busy, unknown, malformed, for another instance
    interrupted,  // the daemon died while it ran: effect unknown
};
inline constexpr std::array<std::string_view, 6> kOutcomeNames{"succeeded", "failed",   "timed_out",
                                                               "cancelled", "rejected", "interrupted"};
[[nodiscard]] constexpr std::string_view to_string(Outcome outcome) noexcept {
    return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

enum class TextType { plain, json, base64, markdown, html };
inline constexpr std::array<std::string_view, 5> kTextTypeNames{"plain", "json", "base64", "markdown", "html"};
[[nodiscard]] constexpr std::string_view to_string(TextType type) noexcept {
    return kTextTypeNames[static_cast<std::size_t>(type)];
}

struct TextResult {
    std::string response;  // any bytes; what is not UTF-8 travels as BASE64
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
    std::string note{};                  // what it took, for whoever waits for the receipt; no part of the result
    boost::system::error_code reason{};  // of one that is rejected, where it has a name: it quotes nothing of the hub's

    [[nodiscard]] bool is_success() const noexcept { return outcome == Outcome::succeeded; }

    [[nodiscard]] std::size_t size_bytes() const noexcept {
        if (const auto* text = std::get_if<TextResult>(&content)) return text->response.size();
        const auto& graph = std::get<GraphResult>(content);
        std::size_t size = graph.message.size() + graph.graph_data.size() + graph.note.size() + graph.x_axis.size() +
                           graph.y_axis.size();
        for (const auto& [member, unit] : graph.units) size += member.size() + unit.size();
        return size;
    }

    // The text, or the graph's message: one line for logs and completions.
    [[nodiscard]] const std::string& message() const noexcept {
        const auto* text = std::get_if<TextResult>(&content);
        return text != nullptr ? text->response : std::get<GraphResult>(content).message;
    }

    static CommandResult text(std::string response, TextType type = TextType::plain) {
        return {Outcome::succeeded, TextResult{std::move(response), type}};
    }
    static CommandResult graph(GraphResult graph) { return {Outcome::succeeded, std::move(graph)}; }
    static CommandResult failed(std::string message) { return error(Outcome::failed, std::move(message)); }
    static CommandResult timed_out(std::string message) { return error(Outcome::timed_out, std::move(message)); }
    static CommandResult cancelled(std::string message) { return error(Outcome::cancelled, std::move(message)); }
    static CommandResult rejected(std::string message) { return error(Outcome::rejected, std::move(message)); }
    static CommandResult rejected(Error why) {
        return {Outcome::rejected, TextResult{std::move(why.message)}, {}, why.code};
    }
    static CommandResult interrupted(std::string message) { return error(Outcome::interrupted, std::move(message)); }
    static CommandResult error(Outcome outcome, std::string message) {
        return {outcome, TextResult{std::move(message)}};
    }

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

}  // namespace jiro
