// SPDX-License-Identifier: MIT
#include "jiro/commands/render.hpp"

#include <algorithm>

#include "jiro/base/chart.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kLongestProgram = 1024;

// Lines and tabs stay; ends with a line break.
std::string lines_for_terminal(std::string_view text) {
    auto lines = escaped_lines(text);
    if (!lines.ends_with('\n')) lines += '\n';
    return lines;
}

std::string pretty(const TextResult& text) {
    if (text.type != TextType::json) return text.response;
    JsonWriter writer(JsonWriter::Layout::indented);
    return read_json(text.response, kPatientJsonLimits, writer) ? text.response : std::move(writer).take();
}

std::string limits_line(const CommandDescription& description) {
    std::string text;
    const auto add = [&text](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
    if (description.time_limit) add("at most " + std::to_string(description.time_limit->count()) + " ms");
    if (description.max_concurrent > 0) add(std::to_string(description.max_concurrent) + " at a time");
    if (description.one_in_session) add("one at a time in a session");
    if (description.idempotent) add("may be repeated");
    if (description.uses_shell) add("USES A SHELL");
    return text;
}

void write_description(JsonWriter& json, const CommandDescription& description) {
    json.begin_object();
    json.member("name", description.name);
    json.member("summary", description.summary);
    json.member("usage", description.usage);
    json.objects("parameters", description.parameters, [&](const auto& parameter) {
        json.member("name", parameter.name);
        json.member("description", parameter.description);
        json.member("required", parameter.required);
        if (parameter.default_value) json.member("default", *parameter.default_value);
        if (!parameter.allowed.empty()) json.member("allowed", parameter.allowed);
    });
    json.member("source", description.source);
    json.member("usesShell", description.uses_shell);
    json.member("idempotent", description.idempotent);
    json.member("maxConcurrent", description.max_concurrent);
    if (!description.runs.empty()) json.member("runs", description.runs);
    if (description.time_limit) json.member("timeoutMs", description.time_limit->count());
    json.end_object();
}

// A graph's data is JSON, or shown as the text that it is.
void write_data(JsonWriter& json, const std::string& data) {
    JsonWriter trial;
    json.key("graphData");
    if (read_json(data, kPatientJsonLimits, trial)) return json.string(data);
    static_cast<void>(read_json(data, kPatientJsonLimits, json));
}

}  // namespace

std::string render(const CommandResult& result) {
    if (const auto* text = std::get_if<TextResult>(&result.content)) return lines_for_terminal(pretty(*text));
    const auto& graph = std::get<GraphResult>(result.content);
    const Chart chart{graph.message, graph.graph_data, graph.note, graph.x_axis, graph.y_axis, graph.units};
    return lines_for_terminal(draw_chart(chart));
}

std::string render_json(const FinishedCommand& command) {
    JsonWriter json(JsonWriter::Layout::indented);
    json.begin_object();
    json.member("command", command.command_name);
    json.member("commandSyncId", command.message.command_sync_id);
    json.member("sessionId", command.message.session_id);
    json.member("outcome", to_string(command.result.outcome));
    json.member("isSuccess", command.result.is_success());
    json.member("runTimeMs", std::chrono::duration_cast<std::chrono::milliseconds>(command.run_time).count());
    if (const auto* text = std::get_if<TextResult>(&command.result.content)) {
        json.member("type", to_string(text->type));
        json.member("response", text->response);
    } else {
        const auto& graph = std::get<GraphResult>(command.result.content);
        json.member("type", "graph");
        json.member("message", graph.message);
        write_data(json, graph.graph_data);
        json.member("note", graph.note);
        json.member("xAxis", graph.x_axis);
        json.member("yAxis", graph.y_axis);
        json.begin_object("units");
        for (const auto& [member, unit] : graph.units) json.member(member, unit);
        json.end_object();
    }
    json.end_object();
    return std::move(json).take() + '\n';
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
    const auto limits = limits_line(description);
    if (!limits.empty()) text += "    limits: " + limits + '\n';
    return lines_for_terminal(text);
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
            if (!description.runs.empty()) {
                text += "    runs: " + excerpt(description.runs, kLongestProgram) +
                        "\n    defined in: " + description.source + '\n';
            }
            continue;
        }
        text += description.usage;
        text.append(description.usage.size() < widest ? widest - description.usage.size() : 0, ' ');
        text += "  " + description.summary + (description.uses_shell ? " [shell]" : "") + '\n';
    }
    return lines_for_terminal(text);
}

std::string render_listing_json(const CommandRegistry& registry) {
    JsonWriter json(JsonWriter::Layout::indented);
    json.begin_array();
    for (const auto& handler : registry.handlers()) write_description(json, handler->description());
    json.end_array();
    return std::move(json).take() + '\n';
}

}  // namespace jiro::commands
