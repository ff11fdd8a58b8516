// SPDX-License-Identifier: MIT
#include "jiro/commands/command_result.hpp"

namespace jiro::commands {

namespace {

CommandResult error(Outcome outcome, std::string message) { return {outcome, TextResult{std::move(message)}}; }

}  // namespace

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::succeeded:
            return "succeeded";
        case Outcome::failed:
            return "failed";
        case Outcome::timed_out:
            return "timed_out";
        case Outcome::cancelled:
            return "cancelled";
        case Outcome::rejected:
            return "rejected";
        case Outcome::interrupted:
            return "interrupted";
    }
    return "unknown";
}

std::string_view to_string(TextType type) {
    switch (type) {
        case TextType::plain:
            return "plain";
        case TextType::json:
            return "json";
        case TextType::base64:
            return "base64";
        case TextType::markdown:
            return "markdown";
        case TextType::html:
            return "html";
    }
    return "unknown";
}

std::size_t CommandResult::size_bytes() const noexcept {
    if (const auto* text = std::get_if<TextResult>(&content)) return text->response.size();
    const auto& graph = std::get<GraphResult>(content);
    std::size_t size =
        graph.message.size() + graph.graph_data.size() + graph.note.size() + graph.x_axis.size() + graph.y_axis.size();
    for (const auto& [member, unit] : graph.units) size += member.size() + unit.size();
    return size;
}

const std::string& CommandResult::message() const noexcept {
    const auto* text = std::get_if<TextResult>(&content);
    return text != nullptr ? text->response : std::get<GraphResult>(content).message;
}

CommandResult CommandResult::text(std::string response, TextType type) {
    return {Outcome::succeeded, TextResult{std::move(response), type}};
}

CommandResult CommandResult::graph(GraphResult graph) { return {Outcome::succeeded, std::move(graph)}; }

CommandResult CommandResult::failed(std::string message) { return error(Outcome::failed, std::move(message)); }
CommandResult CommandResult::timed_out(std::string message) { return error(Outcome::timed_out, std::move(message)); }
CommandResult CommandResult::cancelled(std::string message) { return error(Outcome::cancelled, std::move(message)); }
CommandResult CommandResult::rejected(std::string message) { return error(Outcome::rejected, std::move(message)); }
CommandResult CommandResult::interrupted(std::string message) {
    return error(Outcome::interrupted, std::move(message));
}

}  // namespace jiro::commands
