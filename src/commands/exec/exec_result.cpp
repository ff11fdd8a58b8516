// SPDX-License-Identifier: MIT
#include "commands/exec/exec_result.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "jiro/base/base64.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kErrorTail = 4096;

std::string signal_name(int signal) {
    const char* name = sigabbrev_np(signal);
    return name == nullptr ? std::to_string(signal) : std::to_string(signal) + " (SIG" + name + ')';
}

// SIGKILL follows SIGXCPU two seconds later.
std::string why_killed(const ExecRun& run, const ExecLimits& limits) {
    const bool is_at_limit = limits.cpu && run.status.cpu >= *limits.cpu;
    return is_at_limit ? ": its CPU limit, or out of memory?" : ", not by this client: out of memory?";
}

std::string end_text(const ExecRun& run, const ExecLimits& limits) {
    if (run.status.code) return "exit code " + std::to_string(*run.status.code);
    if (!run.status.signal) return run.status.unknown;
    std::string text = "killed by signal " + signal_name(*run.status.signal);
    if (*run.status.signal == SIGKILL) text += why_killed(run, limits);
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

// A graph, if the text is one: an object with the members "data", an object of lists or a list of objects, and "yAxis",
// names of members of these. No tree is made of it; the data is written as it is read, so that its order and its
// numbers stay. The last of equal names counts; null stands for a member that is missing.
class GraphText final : public JsonHandler {
  public:
    void begin_object() override {
        if (depth_ == 0) is_object_ = true;
        if (depth_ == 1) is_units_ = is_named("units");
        if (depth_ == 1 && is_units_) graph_.units.clear();
        open(Container::object);
    }
    void end_object() override { close(Container::object); }
    void begin_array() override { open(Container::list); }
    void end_array() override { close(Container::list); }
    void key(std::string_view name) override {
        if (in_data()) {
            const bool is_series = depth_ == (data_kind_ == Container::object ? 2U : 3U);
            if (is_series && !series_.contains(name)) series_.emplace(name);
            return data_.key(name);
        }
        if (depth_ == 1) name_ = name;
        if (depth_ == 2) unit_ = name;
    }
    void string(std::string_view text) override {
        value_in_data();
        if (in_data()) return data_.string(text);
        if (depth_ == 2 && is_units_) {
            graph_.units.emplace_back(unit_, text);
            return;
        }
        value();
        std::string* const member = depth_ == 1 ? text_member() : nullptr;
        if (member != nullptr) *member = text;
        if (member == nullptr) has_more_ = true;
    }
    void number(std::string_view text) override {
        value_in_data();
        in_data() ? data_.number(text) : other_value();
    }
    void boolean(bool is_true) override {
        value_in_data();
        in_data() ? data_.boolean(is_true) : other_value();
    }
    void null() override {
        value_in_data();
        in_data() ? data_.null() : value();
    }

    // Why it is none; empty: it is one.
    [[nodiscard]] std::string problem() const {
        if (!is_object_) return "an object with \"data\" and \"yAxis\" was promised";
        if (!has_data_) return "its \"data\" is neither an object of arrays nor an array of objects";
        const auto names = split_at_commas(graph_.y_axis);
        if (names.empty()) return "its \"yAxis\" names no member of the data";
        const bool has_no_rows = series_.empty() && data_kind_ == Container::list;
        for (const auto& name : names) {
            if (has_no_rows || series_.contains(name)) continue;
            return "its \"yAxis\" names '" + excerpt(name, 64) + "', which is no member of the data";
        }
        return {};
    }
    // Something that a graph has no place for.
    [[nodiscard]] bool has_more() const noexcept { return has_more_; }
    [[nodiscard]] GraphResult take() && {
        graph_.graph_data = std::move(data_).take();
        return std::move(graph_);
    }

  private:
    enum class Container { object, list };

    [[nodiscard]] bool in_data() const noexcept { return data_depth_ > 0; }
    [[nodiscard]] bool is_named(std::string_view name) const { return equal_ignoring_case(name_, name); }

    void open(Container kind) {
        const bool is_data = depth_ == 1 && is_object_ && is_named("data");
        if (is_data) {
            data_ = JsonWriter();
            series_.clear();
            data_kind_ = kind;
            has_data_ = true;
            data_depth_ = 2;
        } else if (in_data()) {
            if (depth_ == 2 && kind == data_kind_) has_data_ = false;
        } else if (depth_ > 0 && !(depth_ == 1 && is_units_)) {
            other_value();
        }
        if (in_data()) kind == Container::list ? data_.begin_array() : data_.begin_object();
        ++depth_;
    }

    void close(Container kind) {
        if (in_data()) kind == Container::list ? data_.end_array() : data_.end_object();
        if (depth_-- == data_depth_) data_depth_ = 0;
        if (depth_ == 1) is_units_ = false;
    }

    // The data's own members are containers.
    void value_in_data() {
        if (in_data() && depth_ == 2) has_data_ = false;
    }

    // Whatever it is, it takes the place of an earlier member of its name.
    void value() {
        if (depth_ != 1) return;
        if (is_named("data")) has_data_ = false;
        if (is_named("units")) graph_.units.clear();
        if (std::string* const member = text_member()) member->clear();
    }

    void other_value() {
        value();
        has_more_ = true;
    }

    std::string* text_member() {
        if (is_named("message")) return &graph_.message;
        if (is_named("note")) return &graph_.note;
        if (is_named("xAxis")) return &graph_.x_axis;
        if (is_named("yAxis")) return &graph_.y_axis;
        return nullptr;
    }

    std::size_t depth_ = 0;
    bool is_object_ = false;
    std::string name_;  // of the member of depth 1
    bool has_data_ = false;
    Container data_kind_ = Container::object;
    std::size_t data_depth_ = 0;  // of what is inside the data; 0: we are not
    std::set<std::string, std::less<>> series_;
    bool is_units_ = false;
    std::string unit_;
    bool has_more_ = false;
    JsonWriter data_;
    GraphResult graph_;
};

// Text that is not UTF-8 travels as base64, never as broken text.
CommandResult text_result(std::string text, TextType type) {
    if (!is_utf8(text)) return CommandResult::text(to_base64(text), TextType::base64);
    return CommandResult::text(std::move(text), type);
}

// Its length is MaxOutputBytes's, and nothing of it is kept but a graph's data.
constexpr JsonLimits kOutputLimits{.bytes = SIZE_MAX, .nodes = SIZE_MAX, .members = SIZE_MAX};

// Some programs begin their output with a byte order mark, which is no part of a JSON text.
std::string_view json_of(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    return trimmed(text);
}

CommandResult structured(const std::string& output, ExecResultKind kind) {
    const auto text = json_of(output);
    GraphText graph;
    if (const auto error = read_json(text, kOutputLimits, graph)) {
        return CommandResult::failed("its output is not the JSON that was promised: " + error->message + ": " +
                                     excerpt(text, 200));
    }
    if (kind == ExecResultKind::json) return CommandResult::text(std::string(text), TextType::json);
    if (const auto problem = graph.problem(); !problem.empty()) {
        return CommandResult::failed("its output is no graph: " + problem);
    }
    return CommandResult::graph(std::move(graph).take());
}

CommandResult detected(std::string text) {
    const auto start = json_of(text);
    if (start.starts_with('{') || start.starts_with('[')) {
        GraphText graph;
        if (!read_json(start, kOutputLimits, graph)) {
            const bool is_graph = graph.problem().empty() && !graph.has_more();
            return is_graph ? CommandResult::graph(std::move(graph).take())
                            : CommandResult::text(std::string(start), TextType::json);
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
            const auto length = "its output is " + std::to_string(output.total_bytes()) + " bytes long, ";
            const bool is_over = output.total_bytes() > command.max_output_bytes;
            return CommandResult::failed(
                length + (is_over ? "over MaxOutputBytes (" + std::to_string(command.max_output_bytes) + ')'
                                  : "and not all of it was kept: MaxOutputBytes was smaller"));
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

// Where the result has a place for it; the log has it in any case.
void mark_incomplete(CommandResult& result) {
    static const std::string mark = "output_incomplete: a background process kept it open";
    if (auto* const graph = std::get_if<GraphResult>(&result.content)) {
        graph->note += (graph->note.empty() ? "" : "; ") + mark;
        return;
    }
    auto& [response, type] = std::get<TextResult>(result.content);
    if (type == TextType::plain || type == TextType::markdown) response += "\n[" + mark + "]\n";
    if (type == TextType::html) response += "\n<!-- " + mark + " -->\n";
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
    if (!good) return CommandResult::failed(error_text(end_text(run, command.limits), output, error_output));
    auto result = success(command, output);
    if (run.output_incomplete && result.is_success()) mark_incomplete(result);
    return result;
}

}  // namespace jiro::commands
