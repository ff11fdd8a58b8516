// SPDX-License-Identifier: MIT
// `bundle`: makes an archive for support on this machine, as `jiro-client bundle` does, and says where it lies and what
// is in it. The archive itself is not sent: whoever may log in there fetches it.

#include "commands/handlers/builtin_commands.hpp"
#include "commands/handlers/own_program.hpp"

namespace jiro::commands {

namespace {

class MakeBundle final : public OwnProgramCommand {
  public:
    explicit MakeBundle(const OwnProgram* own)
        : OwnProgramCommand({.name = "bundle",
                             .summary = "Makes an archive for support on this machine, and says what is in it",
                             .usage = "bundle"},
                            own, {0}) {}

  private:
    [[nodiscard]] std::vector<std::string> arguments() const override {
        return {"bundle", "--from-daemon", own().bundle_file};
    }
    [[nodiscard]] Task<std::optional<std::string>> input() const override {
        auto asking = own().facts();
        co_return co_await std::move(asking);
    }
};

}  // namespace

std::unique_ptr<const CommandHandler> make_bundle(const BuiltinServices& services) {
    return std::make_unique<MakeBundle>(services.own);
}

}  // namespace jiro::commands
