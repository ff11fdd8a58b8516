// SPDX-License-Identifier: MIT
#pragma once
// The commands of this machine as tools of the model: each call is a command of its own. Event loop only.

#include <functional>
#include <memory>

#include "jiro/assistant/tool_box.hpp"
#include "jiro/base/random.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_message.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::daemon {

// Which commands there are now, and who runs one: the dispatcher that has the hub's, where there is one.
struct ToolCommands {
    std::function<std::shared_ptr<const commands::CommandRegistry>()> registry;
    std::function<Task<CommandResult>(CommandMessage)> call;
};

class ChatTools final : public assistant::ToolBox {
  public:
    ChatTools(RandomSource& random, ToolCommands commands) : random_(random), commands_(std::move(commands)) {}

    void update(commands::RequireSignature signatures) { signatures_ = signatures; }

    [[nodiscard]] std::vector<assistant::Tool> tools(const std::vector<std::string>& names) const override;
    [[nodiscard]] Task<std::string> call(std::string name, std::string arguments, std::string session_id) override;

  private:
    using Registry = std::shared_ptr<const commands::CommandRegistry>;
    [[nodiscard]] const commands::CommandHandler* find(const Registry& registry, const std::string& name) const;

    RandomSource& random_;
    ToolCommands commands_;
    commands::RequireSignature signatures_ = commands::RequireSignature::none;
};

}  // namespace jiro::daemon
