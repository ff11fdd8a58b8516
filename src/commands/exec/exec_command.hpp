// SPDX-License-Identifier: MIT
#pragma once
// A command that runs a program of the configuration. See docs/commands.md for what it promises.

#include <memory>
#include <string>
#include <vector>

#include "commands/exec/argument_binding.hpp"
#include "commands/exec/running_program.hpp"
#include "commands/exec/unit_socket.hpp"
#include "jiro/commands/command_handler.hpp"
#include "jiro/commands/kept_programs.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

// What is to be started for a call of the command: the one place that makes it, for the daemon and for the unit's side
// alike. errc::bad_argument: a value is not allowed. Pure.
[[nodiscard]] Result<ChildSpec> spec_for(const ExecCommand& command, const ArgumentBinding& binding, CommandCall call);

class ExecCommandHandler final : public CommandHandler {
  public:
    ExecCommandHandler(ExecCommand command, ArgumentBinding binding, std::shared_ptr<UnitSocket> socket,
                       KeptPrograms* kept);

    [[nodiscard]] Task<CommandResult> run(CommandContext& context) const override;

  private:
    ExecCommand command_;
    ArgumentBinding binding_;
    std::shared_ptr<UnitSocket> socket_;
    KeptPrograms* kept_;
};

// `socket`: of the units for programs; without it they are children of this process. `kept`: null, or outlives it.
// nullptr, and why in `problems` ("Key: what"), when the definition cannot work.
[[nodiscard]] std::unique_ptr<const CommandHandler> make_exec_command(const ExecCommand& command,
                                                                      std::shared_ptr<UnitSocket> socket,
                                                                      KeptPrograms* kept,
                                                                      std::vector<std::string>& problems);

}  // namespace jiro::commands
