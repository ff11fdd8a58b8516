// SPDX-License-Identifier: MIT
// `doctor`: what `jiro-client doctor` says on this machine, as the daemon's user inside its sandbox.

#include "commands/handlers/builtin_commands.hpp"
#include "commands/handlers/own_program.hpp"

namespace jiro::commands {

namespace {

class Doctor final : public OwnProgramCommand {
  public:
    explicit Doctor(const OwnProgram* own)
        : OwnProgramCommand({.name = "doctor",
                             .summary = "Looks for what is wrong with this client, and says what to do about it",
                             .usage = "doctor"},
                            own, {0, 1, 78}) {}  // with problems, too, its findings are the answer

  private:
    [[nodiscard]] std::vector<std::string> arguments() const override { return {"doctor"}; }
    [[nodiscard]] Task<std::optional<std::string>> input() const override { co_return std::nullopt; }
};

}  // namespace

std::unique_ptr<const CommandHandler> make_doctor(const BuiltinServices& services) {
    return std::make_unique<Doctor>(services.own);
}

}  // namespace jiro::commands
