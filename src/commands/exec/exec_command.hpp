// SPDX-License-Identifier: MIT
#pragma once
// A command that runs a program of the configuration. See docs/commands.md for what it promises.

#include <memory>
#include <string>
#include <vector>

#include "commands/exec/argument_binding.hpp"
#include "commands/exec/unit_socket.hpp"
#include "jiro/commands/command_handler.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

class ExecCommandHandler final : public CommandHandler {
  public:
    ExecCommandHandler(ExecCommand command, ArgumentBinding binding, std::shared_ptr<UnitSocket> socket);

    [[nodiscard]] Task<CommandResult> run(CommandContext& context) const override;

  private:
    ExecCommand command_;
    ArgumentBinding binding_;
    std::shared_ptr<UnitSocket> socket_;
};

// `socket`: of the units for programs; without it they are children of this process. nullptr, and why in `problems`
// ("Key: what"), when the definition cannot work.
[[nodiscard]] std::unique_ptr<const CommandHandler> make_exec_command(const ExecCommand& command,
                                                                      std::shared_ptr<UnitSocket> socket,
                                                                      std::vector<std::string>& problems);

}  // namespace jiro::commands
