// SPDX-License-Identifier: MIT
// `bundle`: makes an archive for support on this machine, as `jiro-client bundle` does, and says where it lies and what
// is in it. The archive itself is not sent: whoever may log in there fetches it.

#include "commands/handlers/builtin_commands.hpp"
#include "commands/handlers/own_program.hpp"

namespace jiro::commands {

std::unique_ptr<const CommandHandler> make_bundle(const BuiltinServices& services) {
    OwnCall call{.arguments = {"bundle"}, .successes = {0}};
    if (services.own != nullptr) {
        call.arguments.insert(call.arguments.end(), {"--from-daemon", services.own->bundle_file});
        call.input = services.own->facts;
    }
    return make_own_program({.name = "bundle",
                             .summary = "Makes an archive for support on this machine, and says what is in it",
                             .usage = "bundle"},
                            services.own, std::move(call));
}

}  // namespace jiro::commands
