#include "jiro/commands/render.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands/chart.hpp"
#include "commands/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

namespace {

using Json = nlohmann::ordered_json;

// Text for a terminal: lines and tabs stay, every other control character (ESC above all) is shown, not obeyed.
std::string printable(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string result;
    result.reserve(text.size() + 1);
    for (const char c : to_utf8(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
            result += "\\x";
            result += kHex[byte >> 4];
            result += kHex[byte & 0xF];
        } else {
            result += c;
        }
    }
    if (!result.ends_with('\n')) result += '\n';
    return result;
}

std::string pretty(const TextResult& text) {
    if (text.type != TextType::json) return text.response;
    const auto value = Json::parse(text.response, nullptr, false);
    return value.is_discarded() ? text.response : value.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'; }

std::string limits_line(const CommandDescription& description) {
    std::string text;
    const auto add = [&text](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
    if (description.time_limit) add("at most " + std::to_string(description.time_limit->count()) + " ms");
    if (description.max_concurrent > 0) add(std::to_string(description.max_concurrent) + " at a time");
    if (description.idempotent) add("may be repeated");
    if (description.uses_shell) add("USES A SHELL");
    return text;
}

Json to_json(const CommandDescription& description) {
    Json parameters = Json::array();
    for (const auto& parameter : description.parameters) {
        Json entry{{"name", parameter.name}, {"description", parameter.description}, {"required", parameter.required}};
        if (parameter.default_value) entry["default"] = *parameter.default_value;
        if (!parameter.allowed.empty()) entry["allowed"] = parameter.allowed;
        parameters.push_back(std::move(entry));
    }
    Json json{{"name", description.name},
              {"summary", description.summary},
              {"usage", description.usage},
              {"parameters", std::move(parameters)},
              {"source", description.source},
              {"usesShell", description.uses_shell},
              {"idempotent", description.idempotent},
              {"maxConcurrent", description.max_concurrent}};
    if (!description.runs.empty()) json["runs"] = description.runs;
    if (description.time_limit) json["timeoutMs"] = description.time_limit->count();
    return json;
}

}  // namespace

std::string render(const CommandResult& result, int width) {
    if (const auto* text = std::get_if<TextResult>(&result.content)) return printable(pretty(*text));
    return printable(draw_chart(std::get<GraphResult>(result.content), width));
}

std::string render_json(const FinishedCommand& command) {
    Json json{{"command", command.command_name},
              {"commandSyncId", command.message.command_sync_id},
              {"sessionId", command.message.session_id},
              {"outcome", to_string(command.result.outcome)},
              {"isSuccess", command.result.is_success()},
              {"runTimeMs", std::chrono::duration_cast<std::chrono::milliseconds>(command.run_time).count()}};
    if (const auto* text = std::get_if<TextResult>(&command.result.content)) {
        json["type"] = to_string(text->type);
        json["response"] = text->response;
        return dump(json);
    }
    const auto& graph = std::get<GraphResult>(command.result.content);
    const auto data = Json::parse(graph.graph_data, nullptr, false);
    Json units = Json::object();
    for (const auto& [member, unit] : graph.units) units[member] = unit;
    json["type"] = "graph";
    json["message"] = graph.message;
    json["graphData"] = data.is_discarded() ? Json(graph.graph_data) : data;
    json["note"] = graph.note;
    json["xAxis"] = graph.x_axis;
    json["yAxis"] = graph.y_axis;
    json["units"] = std::move(units);
    return dump(json);
}

std::string render_description(const CommandDescription& description) {
    std::string text = description.usage + "\n    " + description.summary + '\n';
    for (const auto& parameter : description.parameters) {
        text += "    " + parameter.name;
        if (!parameter.description.empty()) text += ": " + parameter.description;
        std::string notes;
        const auto note = [&notes](const std::string& part) { notes += (notes.empty() ? "" : "; ") + part; };
        if (!parameter.allowed.empty()) note(parameter.allowed);
        if (parameter.default_value) note("default " + *parameter.default_value);
        if (!parameter.required && !parameter.default_value) note("optional");
        if (!notes.empty()) text += " (" + notes + ')';
        text += '\n';
    }
    if (!description.runs.empty()) text += "    runs: " + description.runs + '\n';
    const auto limits = limits_line(description);
    if (!limits.empty()) text += "    limits: " + limits + '\n';
    text += "    defined: " + description.source + '\n';
    return printable(text);
}

std::string render_listing(const CommandRegistry& registry, ListingDetail detail) {
    std::size_t widest = 0;
    for (const auto& handler : registry.handlers()) widest = std::max(widest, handler->description().usage.size());
    widest = std::min<std::size_t>(widest, 32);
    std::string text;
    for (const auto& handler : registry.handlers()) {
        const auto& description = handler->description();
        if (detail == ListingDetail::full) {
            text += render_description(description);
            continue;
        }
        text += description.usage;
        text.append(description.usage.size() < widest ? widest - description.usage.size() : 0, ' ');
        text += "  " + description.summary + (description.uses_shell ? " [shell]" : "") + '\n';
    }
    return printable(text);
}

std::string render_listing_json(const CommandRegistry& registry) {
    Json commands = Json::array();
    for (const auto& handler : registry.handlers()) commands.push_back(to_json(handler->description()));
    return dump(commands);
}

}  // namespace jiro::commands
