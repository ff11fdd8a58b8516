// SPDX-License-Identifier: MIT
#pragma once
// A command that this program itself carries out, as a child of the daemon (OwnProgram). One run of each at a time: it
// runs beside the slots, so that it answers also when they are taken.

#include <optional>
#include <string>
#include <vector>

#include "jiro/commands/command_registry.hpp"

namespace jiro::commands {

class OwnProgramCommand : public CommandHandler {
  public:
    // `own`: null outside the service. `successes`: exit codes of a run whose output is an answer.
    OwnProgramCommand(CommandDescription description, const OwnProgram* own, std::vector<int> successes);

    [[nodiscard]] Task<CommandResult> run(CommandContext& context) const override;

  protected:
    [[nodiscard]] const OwnProgram& own() const noexcept { return *own_; }
    // The arguments, without the program and --config.
    [[nodiscard]] virtual std::vector<std::string> arguments() const = 0;
    // For its standard input.
    [[nodiscard]] virtual Task<std::optional<std::string>> input() const = 0;

  private:
    [[nodiscard]] Task<CommandResult> run_alone(CommandContext& context) const;

    const OwnProgram* own_;
    std::vector<int> successes_;
    mutable bool is_running_ = false;  // event loop only
};

}  // namespace jiro::commands
