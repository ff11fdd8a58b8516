#include "commands/exec/exec_result.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "commands/text.hpp"
#include "jiro/base/base64.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kErrorTail = 4096;

std::string signal_name(int signal) {
    const char* name = sigabbrev_np(signal);
    return name == nullptr ? std::to_string(signal) : std::to_string(signal) + " (SIG" + name + ')';
}

std::string how_it_ended(const ExecRun& run) {
    if (run.status.code) return "exit code " + std::to_string(*run.status.code);
    if (!run.status.signal) return "its exit status is unknown";
    std::string text = "killed by signal " + signal_name(*run.status.signal);
    if (*run.status.signal == SIGKILL) text += ", not by this client: out of memory?";
    if (*run.status.signal == SIGXCPU) text += ": its CPU limit";
    if (*run.status.signal == SIGXFSZ) text += ": its file size limit";
    return text;
}

// Why it failed, and what it said last: standard error, or standard output when that is empty.
std::string error_text(std::string what, const OutputCapture& output, const OutputCapture& error_output) {
    const bool has_errors = error_output.total_bytes() > 0;
    const auto tail = (has_errors ? error_output : output).tail(kErrorTail);
    const auto said = to_utf8(trimmed(tail));
    if (!said.empty()) what.append(": ").append(said);
    return what;
}

const Json* member(const Json& object, std::string_view name) {
    for (const auto& item : object.items()) {
        if (equal_ignoring_case(item.key(), name)) return &item.value();
    }
    return nullptr;
}

std::string text_member(const Json& object, std::string_view name) {
    const auto* value = member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

bool looks_like_graph(const Json& json) {
    const auto* data = json.is_object() ? member(json, "data") : nullptr;
    return data != nullptr && data->is_structured() && member(json, "yAxis") != nullptr;
}

CommandResult graph_of(const Json& json) {
    GraphResult graph;
    graph.message = text_member(json, "message");
    graph.graph_data = member(json, "data")->dump();
    graph.note = text_member(json, "note");
    graph.x_axis = text_member(json, "xAxis");
    graph.y_axis = text_member(json, "yAxis");
    const auto* units = member(json, "units");
    if (units != nullptr && units->is_object()) {
        for (const auto& item : units->items()) {
            if (item.value().is_string()) graph.units.emplace_back(item.key(), item.value().get<std::string>());
        }
    }
    return CommandResult::graph(std::move(graph));
}

// Text that is not UTF-8 travels as base64, never as broken text.
CommandResult text_result(std::string text, TextType type) {
    if (!is_utf8(text)) return CommandResult::text(to_base64(text), TextType::base64);
    return CommandResult::text(std::move(text), type);
}

CommandResult structured(const std::string& text, ExecResultKind kind) {
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded())
        return CommandResult::failed("its output is not the JSON that was promised: " + escaped(text, 200));
    if (kind == ExecResultKind::json) return CommandResult::text(std::string(trimmed(text)), TextType::json);
    if (looks_like_graph(json)) return graph_of(json);
    return CommandResult::failed("its output is no graph: an object with \"data\" and \"yAxis\" was promised");
}

CommandResult detected(std::string text) {
    const auto start = trimmed(text);
    if (start.starts_with('{') || start.starts_with('[')) {
        const auto json = Json::parse(start, nullptr, false);
        if (!json.is_discarded()) {
            return looks_like_graph(json) ? graph_of(json) : CommandResult::text(std::string(start), TextType::json);
        }
    }
    const auto begins = [&](std::string_view tag) { return equal_ignoring_case(start.substr(0, tag.size()), tag); };
    if (begins("<!doctype html") || begins("<html")) return text_result(std::move(text), TextType::html);
    if (text.find('\0') != std::string::npos) return CommandResult::text(to_base64(text), TextType::base64);
    return text_result(std::move(text), TextType::plain);
}

CommandResult success(const ExecCommand& command, const OutputCapture& output) {
    const ExecResultKind kind = command.result;
    if (output.is_cut()) {
        const bool is_text =
            kind == ExecResultKind::text || kind == ExecResultKind::markdown || kind == ExecResultKind::automatic;
        const auto text = output.text();
        if (!is_text || text.find('\0') != std::string::npos || !is_utf8(text)) {
            return CommandResult::failed("its output is " + std::to_string(output.total_bytes()) +
                                         " bytes long, over MaxOutputBytes (" +
                                         std::to_string(command.max_output_bytes) + ')');
        }
    }
    switch (kind) {
        case ExecResultKind::automatic:
            return detected(output.text());
        case ExecResultKind::text:
            return text_result(output.text(), TextType::plain);
        case ExecResultKind::markdown:
            return text_result(output.text(), TextType::markdown);
        case ExecResultKind::html:
            return text_result(output.text(), TextType::html);
        case ExecResultKind::base64:
            return CommandResult::text(to_base64(output.text()), TextType::base64);
        case ExecResultKind::json:
        case ExecResultKind::graph:
            return structured(output.text(), kind);
    }
    return CommandResult::failed("unknown result kind");
}

}  // namespace

CommandResult exec_result(const ExecCommand& command, const ExecRun& run, const OutputCapture& output,
                          const OutputCapture& error_output) {
    switch (run.end) {
        case ExecRun::End::time_limit:
            return CommandResult::timed_out(
                error_text("timed out after " + std::to_string(run.limit.count()) + " ms", output, error_output));
        case ExecRun::End::cancelled:
            return CommandResult::cancelled(error_text("the program was stopped", output, error_output));
        case ExecRun::End::stuck:
            return CommandResult::timed_out("timed out after " + std::to_string(run.limit.count()) +
                                            " ms, and could not be killed");
        case ExecRun::End::by_itself:
            break;
    }
    const bool good = run.status.code && std::ranges::find(command.success_exit_codes, *run.status.code) !=
                                             command.success_exit_codes.end();
    if (!good) return CommandResult::failed(error_text(how_it_ended(run), output, error_output));
    auto result = success(command, output);
    if (run.output_incomplete && result.is_success() && command.result == ExecResultKind::text) {
        auto& text = std::get<TextResult>(result.content);
        if (text.type == TextType::plain) text.response += "\n[output_incomplete: a background process kept it open]\n";
    }
    return result;
}

}  // namespace jiro::commands
