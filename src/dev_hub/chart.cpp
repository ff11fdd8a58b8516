// SPDX-License-Identifier: MIT
#include "dev_hub/chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <vector>

#include "jiro/base/json_writer.hpp"

namespace jiro::dev_hub {

using nlohmann::json;

namespace {

struct Series {
    std::string name;
    std::vector<std::optional<double>> values;
};

struct Table {
    std::vector<std::string> x;  // labels
    std::vector<Series> series;
};

std::string label_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<double> number_of(const json& value) {
    if (!value.is_number()) return std::nullopt;
    const auto number = value.get<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

bool contains_word(const std::string& list, const std::string& word) {
    std::size_t start = 0;
    while (start <= list.size()) {
        const auto end = std::min(list.find(',', start), list.size());
        auto item = list.substr(start, end - start);
        item.erase(0, item.find_first_not_of(' '));
        while (item.ends_with(' ')) item.pop_back();
        if (item == word) return true;
        start = end + 1;
    }
    return false;
}

// {"time": [...], "cpu": [...]}: members are columns.
Table from_columns(const json& data, const ReceivedResult& graph) {
    Table table;
    if (const auto x = data.find(graph.x_axis); x != data.end() && x->is_array()) {
        for (const auto& value : *x) table.x.push_back(label_of(value));
    }
    for (const auto& [name, column] : data.items()) {
        if (name == graph.x_axis || !column.is_array()) continue;
        if (!graph.y_axis.empty() && data.contains(graph.y_axis) && name != graph.y_axis) continue;
        Series series{name, {}};
        for (const auto& value : column) series.values.push_back(number_of(value));
        table.series.push_back(std::move(series));
    }
    return table;
}

// [{"time": 1, "cpu": 2}, ...]: elements are rows.
Table from_rows(const json& data, const ReceivedResult& graph) {
    Table table;
    for (const auto& row : data) {
        if (!row.is_object()) continue;
        for (const auto& [name, value] : row.items()) {
            if (name == graph.x_axis || !value.is_number()) continue;
            const auto known = std::ranges::find(table.series, name, &Series::name);
            auto& series = known == table.series.end() ? table.series.emplace_back(Series{name, {}}) : *known;
            series.values.resize(table.x.size());
            series.values.push_back(number_of(value));
        }
        const auto x = row.find(graph.x_axis);
        table.x.push_back(x == row.end() ? std::to_string(table.x.size()) : label_of(*x));
    }
    return table;
}

Table read_table(const json& data, const ReceivedResult& graph) {
    Table table;
    if (data.is_array()) table = from_rows(data, graph);
    if (data.is_object()) table = from_columns(data, graph);
    const bool names_some = std::ranges::any_of(
        table.series, [&](const Series& series) { return contains_word(graph.y_axis, series.name); });
    if (names_some) {
        std::erase_if(table.series, [&](const Series& series) { return !contains_word(graph.y_axis, series.name); });
    }
    std::erase_if(table.series, [](const Series& series) {
        return std::ranges::none_of(series.values, [](const auto& value) { return value.has_value(); });
    });
    return table;
}

std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

std::string right_aligned(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

constexpr std::string_view kMarks = "*o+x#@%&";

std::string printable(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t') {
            out += c;
        } else {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

std::string indented_json(const std::string& text) {
    JsonWriter writer(JsonWriter::Layout::indented);
    return read_json(text, kPatientJsonLimits, writer) ? text : std::move(writer).take();
}

// nullopt when it is not base64.
std::optional<std::string> decode_base64(std::string_view text) {
    std::string out;
    unsigned bits = 0;
    int count = 0;
    while (text.ends_with('=')) text.remove_suffix(1);
    for (const char c : text) {
        static constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const auto value = kAlphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<unsigned>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }
    return out;
}

}  // namespace

std::string draw_chart(const ReceivedResult& graph, ChartSize size) {
    std::string out;
    if (!graph.graph_message.empty()) out += graph.graph_message + "\n";
    const auto data = json_or_null(graph.graph_data);
    const auto table = read_table(data, graph);
    if (table.series.empty()) {
        out += indented_json(graph.graph_data) + "\n";
    } else {
        double low = std::numeric_limits<double>::max();
        double high = std::numeric_limits<double>::lowest();
        std::size_t points = 0;
        for (const auto& series : table.series) {
            points = std::max(points, series.values.size());
            for (const auto& value : series.values) {
                if (!value) continue;
                low = std::min(low, *value);
                high = std::max(high, *value);
            }
        }
        if (high <= low) {
            high = low + 1;
            low -= 1;
        }
        const auto width = std::max<std::size_t>(2, std::min(size.width, std::max<std::size_t>(points, 2)));
        const auto height = std::max<std::size_t>(2, size.height);
        std::vector<std::string> rows(height, std::string(width, ' '));
        for (std::size_t s = 0; s < table.series.size(); ++s) {
            const auto& values = table.series[s].values;
            for (std::size_t i = 0; i < values.size(); ++i) {
                if (!values[i]) continue;
                const auto column = points < 2 ? 0 : i * (width - 1) / (points - 1);
                // Halves first: the range itself may not fit a double.
                const auto share = (*values[i] / 2 - low / 2) / (high / 2 - low / 2);
                const auto row = static_cast<std::size_t>(std::lround(share * static_cast<double>(height - 1)));
                rows[height - 1 - std::min(row, height - 1)][column] = kMarks[s % kMarks.size()];
            }
        }
        const auto top = short_number(high);
        const auto bottom = short_number(low);
        const auto margin = std::max(top.size(), bottom.size());
        for (std::size_t row = 0; row < height; ++row) {
            const auto label = row == 0 ? top : row == height - 1 ? bottom : std::string();
            auto line = right_aligned(label, margin) + " |" + rows[row];
            while (line.ends_with(' ')) line.pop_back();
            out += line + "\n";
        }
        out += std::string(margin + 1, ' ') + "+" + std::string(width, '-') + "\n";
        if (!table.x.empty()) {
            const auto& first = table.x.front();
            const auto& last = table.x.back();
            const auto gap = width > first.size() + last.size() ? width - first.size() - last.size() : 1;
            out += std::string(margin + 2, ' ') + first + std::string(gap, ' ') + last;
            if (!graph.x_axis.empty()) out += "  " + graph.x_axis;
            const auto unit = graph.units.find(graph.x_axis);
            if (unit != graph.units.end()) out += " (" + unit->second + ")";
            out += "\n";
        }
        for (std::size_t s = 0; s < table.series.size(); ++s) {
            const auto& series = table.series[s];
            out += std::string("  ") + kMarks[s % kMarks.size()] + " " + series.name;
            const auto unit = graph.units.find(series.name);
            if (unit != graph.units.end()) out += " (" + unit->second + ")";
            const auto last = std::ranges::find_if(series.values.rbegin(), series.values.rend(),
                                                   [](const auto& value) { return value.has_value(); });
            out += ", last " + short_number(**last) + "\n";
        }
    }
    if (!graph.note.empty()) out += "Note: " + graph.note + "\n";
    return printable(out);
}

std::string render(const ReceivedResult& result) {
    if (result.kind == ReceivedResult::Kind::graph) return draw_chart(result);
    std::string out;
    if (result.text_type == "JSON") {
        out = printable(indented_json(result.text));
    } else if (const auto decoded = result.text_type == "BASE64" ? decode_base64(result.text) : std::nullopt) {
        out = printable(*decoded);
    } else {
        out = printable(result.text);
    }
    if (!out.ends_with('\n')) out += '\n';
    return out;
}

}  // namespace jiro::dev_hub
