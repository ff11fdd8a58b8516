// SPDX-License-Identifier: MIT
#pragma once
// A graph as a small chart of characters, one block a series. Pure; tolerates whatever a program or a hub calls graph
// data.

#include <string>

#include "jiro/model/command_result.hpp"

namespace jiro::commands {

// Data that is no object of arrays or array of objects is printed as it is.
[[nodiscard]] std::string draw_chart(const GraphResult& graph, int width);

}  // namespace jiro::commands
