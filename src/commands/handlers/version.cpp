// SPDX-License-Identifier: MIT
// `version`: which client this is.

#include "commands/handlers/builtin_commands.hpp"

namespace jiro::commands {

namespace {

class Version final : public CommandHandler {
  public:
    explicit Version(std::string version)
        : CommandHandler({.name = "version",
                          .summary = "Shows the version of this client",
                          .usage = "version",
                          .idempotent = true}),
          version_(version.empty() ? "unknown" : std::move(version)) {}

    Task<CommandResult> run(CommandContext&) const override {
        co_return CommandResult::text("jiro-client " + version_);
    }

  private:
    std::string version_;
};

}  // namespace

std::unique_ptr<const CommandHandler> make_version(const BuiltinServices& services) {
    return std::make_unique<Version>(services.version);
}

}  // namespace jiro::commands
