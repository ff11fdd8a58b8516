// SPDX-License-Identifier: MIT
#include "daemon/chat_tools.hpp"

#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/command_message.hpp"

namespace jiro::daemon {

namespace {

std::string schema_of(const commands::CommandDescription& description) {
    JsonWriter json;
    json.begin_object();
    json.member("type", "object");
    json.begin_object("properties");
    for (const auto& parameter : description.parameters) {
        json.begin_object(parameter.name);
        json.member("type", "string");
        std::string what = parameter.description;
        if (!parameter.allowed.empty()) what += (what.empty() ? "" : "; ") + parameter.allowed;
        if (parameter.default_value) what += "; default " + *parameter.default_value;
        json.member("description", what);
        json.end_object();
    }
    json.end_object();
    json.begin_array("required");
    for (const auto& parameter : description.parameters) {
        if (parameter.required && !parameter.default_value) json.value(parameter.name);
    }
    json.end_array();
    json.end_object();
    return std::move(json).take();
}

}  // namespace

// A program that wants a signature is no tool where the question did not need one: whoever may ask could run it.
const commands::CommandHandler* ChatTools::find(const Registry& registry, const std::string& name) const {
    const auto* handler = registry ? registry->find(name) : nullptr;
    const bool wants_signature = signatures_ == commands::RequireSignature::exec;
    const bool is_program = handler != nullptr && !handler->description().runs.empty();
    return wants_signature && is_program ? nullptr : handler;
}

std::vector<assistant::Tool> ChatTools::tools(const std::vector<std::string>& names) const {
    const auto registry = commands_.registry();
    std::vector<assistant::Tool> tools;
    for (const auto& name : names) {
        const auto* handler = find(registry, name);
        if (handler == nullptr) continue;
        const auto& description = handler->description();
        tools.push_back({name, description.summary, schema_of(description)});
    }
    return tools;
}

Task<std::string> ChatTools::call(std::string name, std::string arguments, std::string session_id) {
    if (find(commands_.registry(), name) == nullptr) co_return "error: there is no such tool";
    auto parameters = commands::parse_parameters(trimmed(arguments).empty() ? "{}" : arguments);
    if (!parameters) co_return "error: the arguments are refused: " + parameters.error().message;
    CommandMessage message;
    message.command = std::move(name);
    message.command_sync_id = "tool-" + random_.uuid();
    message.session_id = std::move(session_id);
    message.parameters = std::move(*parameters);
    auto calling = commands_.call(std::move(message));
    const auto result = co_await std::move(calling);
    if (const auto* graph = std::get_if<GraphResult>(&result.content)) {
        co_return graph->message + '\n' + graph->graph_data;
    }
    co_return (result.is_success() ? "" : "error: ") + result.message();
}

}  // namespace jiro::daemon
