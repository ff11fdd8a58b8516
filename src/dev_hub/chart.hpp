// SPDX-License-Identifier: MIT
#pragma once
// A graph result as text: its lines drawn over the x axis with the units, for a terminal. Pure. Data that is no series
// of numbers is printed as JSON instead; nothing that arrives makes it fail.

#include <cstddef>
#include <string>

#include "dev_hub/result_store.hpp"

namespace jiro::dev_hub {

struct ChartSize {
    std::size_t width = 60;  // columns of the plot itself
    std::size_t height = 10;
};

// Ends with a newline.
[[nodiscard]] std::string draw_chart(const ReceivedResult& graph, ChartSize size = {});

// Any result for a person: text as it is (BASE64 decoded where that gives printable text), JSON indented, a graph
// drawn. Control characters other than newline and tab are shown as \xNN. Ends with a newline.
[[nodiscard]] std::string render(const ReceivedResult& result);

}  // namespace jiro::dev_hub
