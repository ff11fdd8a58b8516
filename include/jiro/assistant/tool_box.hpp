// SPDX-License-Identifier: MIT
#pragma once
// What the model may do on this machine: implemented by the daemon over its commands. Event loop only.

#include <string>
#include <vector>

#include "jiro/base/task.hpp"

namespace jiro::assistant {

struct Tool {
    std::string name;
    std::string description;
    std::string parameters;  // JSON schema of an object
};

class ToolBox {
  public:
    virtual ~ToolBox() = default;

    // Those of `names` that there are now.
    [[nodiscard]] virtual std::vector<Tool> tools(const std::vector<std::string>& names) const = 0;
    // `arguments`: what the model wrote, JSON at best. Gives a text for the model, also when the call fails or may not
    // be made. Cancelled: what runs is ended.
    [[nodiscard]] virtual Task<std::string> call(std::string name, std::string arguments, std::string session_id) = 0;
};

}  // namespace jiro::assistant
