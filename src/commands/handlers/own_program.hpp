// SPDX-License-Identifier: MIT
#pragma once
// A command that this program itself carries out, as a child of the daemon (OwnProgram). One run of each at a time: it
// runs beside the slots, so that it answers also when they are taken.

#include <functional>
#include <string>
#include <vector>

#include "jiro/commands/command_registry.hpp"

namespace jiro::commands {

class OwnProgramCommand final : public CommandHandler {
  public:
    struct Call {
        std::vector<std::string> arguments;             // without the program and --config
        std::vector<int> successes;                     // exit codes of a run whose output is an answer
        std::function<Task<std::string>()> input = {};  // for its standard input
    };

    // `own`: null outside the service.
    OwnProgramCommand(CommandDescription description, OwnProgram* own, Call call);

    [[nodiscard]] Task<CommandResult> run(CommandContext& context) const override;

  private:
    [[nodiscard]] Task<CommandResult> run_alone(CommandContext& context) const;

    OwnProgram* own_;
    const Call call_;
};

}  // namespace jiro::commands
