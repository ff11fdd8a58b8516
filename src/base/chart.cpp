// SPDX-License-Identifier: MIT
#include "jiro/base/chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"

namespace jiro {

namespace {

using Json = nlohmann::json;
using Series = std::vector<std::optional<double>>;

constexpr int kRows = 6;
constexpr int kLabelWidth = 8;
constexpr std::size_t kColumns = 72 - kLabelWidth - 2;

std::optional<double> number(const Json& value) {
    return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

// The values of one member, whichever of the two layouts the data has.
std::vector<Json> column(const Json& data, const std::string& name) {
    std::vector<Json> values;
    if (data.is_object() && data.contains(name) && data[name].is_array()) {
        for (const auto& value : data[name]) values.push_back(value);
    } else if (data.is_array()) {
        for (const auto& row : data) values.push_back(row.is_object() && row.contains(name) ? row[name] : Json());
    }
    return values;
}

// Without a y axis: every member that has numbers and is not the x axis.
std::vector<std::string> numeric_members(const Json& data, const std::string& x_axis) {
    std::vector<std::string> names;
    const Json* sample = data.is_object() ? &data : data.is_array() && !data.empty() ? &data[0] : nullptr;
    if (sample == nullptr || !sample->is_object()) return names;
    for (const auto& item : sample->items()) {
        if (item.key() == x_axis) continue;
        const auto values = column(data, item.key());
        if (std::ranges::any_of(values, [](const Json& value) { return value.is_number(); }))
            names.push_back(item.key());
    }
    return names;
}

// As many values as there are columns: the mean of each stretch.
Series resampled(const std::vector<Json>& values) {
    const std::size_t count = std::min(kColumns, values.size());
    Series result(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t from = i * values.size() / count;
        const std::size_t to = std::max(from + 1, (i + 1) * values.size() / count);
        double sum = 0;
        int seen = 0;
        for (std::size_t k = from; k < to; ++k) {
            if (const auto value = number(values[k]); value && std::isfinite(*value)) {
                sum += *value;
                ++seen;
            }
        }
        if (seen > 0) result[i] = sum / seen;
    }
    return result;
}

std::string formatted(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

std::string label(std::string text) {
    return text.size() < kLabelWidth ? std::string(kLabelWidth - text.size(), ' ') + text : text;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string draw_series(const Series& series, const std::string& title) {
    static constexpr const char* kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double low = 0;
    double high = 0;
    std::optional<double> last;
    for (const auto& value : series) {
        if (!value) continue;
        low = std::min(low, *value);
        high = std::max(high, *value);
        last = value;
    }
    if (!last) return title + ": no numbers\n";
    const double span = high > low ? high - low : 1;
    std::string text = title + ", last " + formatted(*last) + '\n';
    for (int row = kRows - 1; row >= 0; --row) {
        text += label(row == kRows - 1 ? formatted(high) : row == 0 ? formatted(low) : "") + " |";
        for (const auto& value : series) {
            const double eighths = value ? (*value - low) / span * kRows * 8 - row * 8 : 0;
            text += kEighths[std::clamp(static_cast<int>(std::lround(eighths)), 0, 8)];
        }
        text += '\n';
    }
    return text;
}

}  // namespace

std::string draw_chart(const Chart& chart) {
    std::string text = chart.message.empty() ? std::string() : chart.message + '\n';
    const auto data = json_or_null(chart.data);
    auto names = split_at_commas(chart.y_axis);
    if (names.empty()) names = numeric_members(data, chart.x_axis);
    if (data.is_null() || names.empty()) return text + chart.data + '\n';

    for (const auto& name : names) {
        std::string title = name;
        const auto unit = std::ranges::find(chart.units, name, [](const auto& entry) { return entry.first; });
        if (unit != chart.units.end()) title += " [" + unit->second + ']';
        text += draw_series(resampled(column(data, name)), title);
    }
    const auto x = column(data, chart.x_axis);
    if (!x.empty()) {
        text += label("") + "  " + chart.x_axis + ": " + text_of(x.front());
        if (x.size() > 1) text += " ... " + text_of(x.back());
        text += '\n';
    }
    if (!chart.note.empty()) text += chart.note + '\n';
    return text;
}

}  // namespace jiro
