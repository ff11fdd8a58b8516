// SPDX-License-Identifier: MIT
// What `status --recent` and `status --by-name` print, from the JSON of /status.
#include <algorithm>
#include <functional>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/monitor/errors.hpp"
#include "jiro/monitor/status.hpp"
#include "monitor/status_reader.hpp"
#include "monitor/text.hpp"

namespace jiro::monitor {
namespace {

using Json = nlohmann::json;
using Cells = std::vector<std::string>;

// The list of that name; an error where the text is not a status that has one.
Result<Json> list_in(std::string_view json, const char* name) {
    auto parsed = parse_status(json);
    if (!parsed) return parsed;
    const auto list = parsed->find(name);
    if (list == parsed->end() || !list->is_array()) {
        return Error(errc::answer_malformed,
                     "the daemon's status has no \"" + std::string(name) + "\"; it may be of an older version");
    }
    return Json(std::move(*list));
}

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, std::not_fn(is_utf8_continuation)));
}

// Columns as wide as what stands in them, two spaces between; nothing behind the last one.
std::string aligned(const std::vector<Cells>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string duration_of(const StatusReader& item, const char* name) {
    const auto seconds = item.number(name);
    return seconds ? short_duration(*seconds) : "-";
}

std::string or_dash(std::string text) { return text.empty() ? "-" : std::move(text); }

bool is_wanted(const Json& item, const EndedFilter& filter) {
    const StatusReader command(item);
    return (filter.name.empty() || command.text("name") == escaped(filter.name)) &&
           (filter.outcome.empty() || command.text("outcome") == filter.outcome) &&
           (!filter.failed || command.text("outcome") != "succeeded") &&
           (!filter.undelivered || command.text("delivery") != "delivered");
}

}  // namespace

Result<std::string> ended_json(std::string_view json, const EndedFilter& filter) {
    auto list = list_in(json, "ended");
    if (!list) return list.error();
    Json wanted = Json::array();
    std::ranges::copy_if(*list, std::back_inserter(wanted), [&](const Json& item) { return is_wanted(item, filter); });
    return json_text(wanted);
}

Result<std::string> ended_table(std::string_view json, const EndedFilter& filter) {
    const auto list = list_in(json, "ended");
    if (!list) return list.error();
    std::vector<Cells> rows{{"ID", "COMMAND", "OUTCOME", "ENDED", "WAITED", "RAN", "RESULT"}};
    for (const auto& item : *list) {
        if (!is_wanted(item, filter)) continue;
        const StatusReader command(item);
        rows.push_back({command.text("id"), or_dash(command.text("name")), command.text("outcome"),
                        human_duration(command.number("ageSeconds").value_or(0)) + " ago",
                        duration_of(command, "queueSeconds"), duration_of(command, "runSeconds"),
                        command.text("delivery")});
    }
    if (rows.size() > 1) return aligned(rows);
    return std::string(list->empty() ? "No command has ended since the daemon started\n"
                                     : "None of the last " + std::to_string(list->size()) + " commands\n");
}

Result<std::string> by_name_table(std::string_view json) {
    const auto list = list_in(json, "byName");
    if (!list) return list.error();
    if (list->empty()) return std::string("No command has ended since the daemon started\n");
    std::vector<Cells> rows{{"COMMAND", "ENDED", "FAILED", "P50", "P95"}};
    for (const auto& item : *list) {
        const StatusReader figures(item);
        rows.push_back({figures.text("name"), figures.count("count"), figures.count("failed"),
                        duration_of(figures, "p50Seconds"), duration_of(figures, "p95Seconds")});
    }
    return aligned(rows);
}

Result<std::string> by_name_json(std::string_view json) {
    const auto list = list_in(json, "byName");
    if (!list) return list.error();
    return json_text(*list);
}

}  // namespace jiro::monitor
