// SPDX-License-Identifier: MIT
#pragma once
// A graph as a small chart of characters for a terminal, one block a series: `jiro-client exec` and `jiro-dev-hub
// send`. Pure, any thread; tolerates whatever a program or a hub calls graph data.

#include <string>
#include <utility>
#include <vector>

namespace jiro {

// The members of a graph result.
struct Chart {
    std::string message;
    std::string data;  // JSON text: an object of arrays, or an array of objects
    std::string note;
    std::string x_axis;
    std::string y_axis;                                      // the members to draw, separated by commas; empty: all
    std::vector<std::pair<std::string, std::string>> units;  // member to unit
};

// Data of neither layout is printed as it is. Ends with a line break; the caller makes it printable().
[[nodiscard]] std::string draw_chart(const Chart& chart);

}  // namespace jiro
