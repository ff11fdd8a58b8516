// The commands of this machine: built-ins, and the exec commands of the configuration.

#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

std::vector<std::string> check_exec_commands(const std::vector<ExecCommand>&) { return {}; }

Result<std::shared_ptr<const CommandRegistry>> make_registry(const Settings& settings,
                                                             const BuiltinServices& services) {
    static_cast<void>(settings);
    return CommandRegistry::make(make_builtin_commands(services));
}

}  // namespace jiro::commands
