// SPDX-License-Identifier: MIT
#include "daemon/result_mapping.hpp"

#include <nlohmann/json.hpp>

namespace jiro::daemon {

namespace {

delivery::OutcomeKind to_kind(Outcome outcome) {
    switch (outcome) {
        case Outcome::succeeded:
            return delivery::OutcomeKind::succeeded;
        case Outcome::failed:
            return delivery::OutcomeKind::failed;
        case Outcome::timed_out:
            return delivery::OutcomeKind::timed_out;
        case Outcome::cancelled:
            return delivery::OutcomeKind::cancelled;
        case Outcome::rejected:
            return delivery::OutcomeKind::rejected;
        case Outcome::interrupted:
            return delivery::OutcomeKind::interrupted;
    }
    return delivery::OutcomeKind::failed;
}

delivery::TextType to_text_type(TextType type) {
    switch (type) {
        case TextType::plain:
            return delivery::TextType::plain;
        case TextType::json:
            return delivery::TextType::json;
        case TextType::base64:
            return delivery::TextType::base64;
        case TextType::markdown:
            return delivery::TextType::markdown;
        case TextType::html:
            return delivery::TextType::html;
    }
    return delivery::TextType::plain;
}

std::variant<delivery::Text, delivery::Graph> to_result(CommandResult result) {
    if (auto* text = std::get_if<TextResult>(&result.content)) {
        return delivery::Text{std::move(text->response), to_text_type(text->type)};
    }
    auto& graph = std::get<GraphResult>(result.content);
    return delivery::Graph{.message = std::move(graph.message),
                           .data = std::move(graph.graph_data),
                           .note = std::move(graph.note),
                           .x_axis = std::move(graph.x_axis),
                           .y_axis = std::move(graph.y_axis),
                           .units = {graph.units.begin(), graph.units.end()}};
}

// The first word without the leading `$`: what the command would have been dispatched as.
std::string name_of(const std::string& command) {
    const auto begin = command.find_first_not_of(" \t\r\n$");
    if (begin == std::string::npos) return {};
    return command.substr(begin, command.find_first_of(" \t\r\n", begin) - begin);
}

}  // namespace

delivery::Outcome to_outcome(FinishedCommand command) {
    const auto kind = to_kind(command.result.outcome);
    return {.command_name = std::move(command.command_name),
            .command_sync_id = std::move(command.message.command_sync_id),
            .session_id = std::move(command.message.session_id),
            .parameters = std::move(command.message.parameters),
            .kind = kind,
            .result = to_result(std::move(command.result))};
}

std::string to_payload(const CommandMessage& message) { return commands::to_json(message); }

Result<CommandMessage> from_payload(const std::string& payload) {
    auto parsed = commands::parse_command_message(nlohmann::json(payload));
    if (parsed.error) return parsed.error->with_prefix("the journal's copy of the command");
    return std::move(parsed.message);
}

delivery::Bytes make_lost_outcome(const Receipt& receipt, delivery::OutcomeKind kind) {
    FinishedCommand command;
    if (auto message = from_payload(receipt.payload)) command.message = std::move(*message);
    command.message.command_sync_id = receipt.id;
    command.command_name = name_of(command.message.command);
    command.result =
        kind == delivery::OutcomeKind::timed_out
            ? CommandResult::timed_out("timed out: the daemon was restarted, and the command could not begin in time")
            : CommandResult::interrupted(
                  "interrupted: the daemon stopped unexpectedly while the command ran; its effect is unknown");
    return delivery::serialise(to_outcome(std::move(command)));
}

}  // namespace jiro::daemon
