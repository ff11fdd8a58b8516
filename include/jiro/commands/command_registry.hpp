// SPDX-License-Identifier: MIT
#pragma once
// The commands that exist: an immutable snapshot. A reload builds a new one and hands it to the dispatcher; running
// commands keep theirs.

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/commands/command_handler.hpp"
#include "jiro/commands/kept_programs.hpp"
#include "jiro/commands/settings.hpp"

namespace jiro::commands {

class LoadSampler;
class RunningCommands;

class CommandRegistry {
  public:
    using Handlers = std::vector<std::unique_ptr<const CommandHandler>>;

    // errc::duplicate_name when two handlers share a name.
    [[nodiscard]] static Result<std::shared_ptr<const CommandRegistry>> make(Handlers handlers);

    // nullptr: no such command.
    [[nodiscard]] const CommandHandler* find(std::string_view name) const noexcept;
    // With this name, or else with one that differs from it in upper and lower case only.
    [[nodiscard]] const CommandHandler* find_in_any_case(std::string_view name) const noexcept;
    // `; did you mean "disk"?`, for a message about an unknown name; empty: no known one is near.
    [[nodiscard]] std::string did_you_mean(std::string_view name) const;
    // All commands, by name.
    [[nodiscard]] std::span<const std::unique_ptr<const CommandHandler>> handlers() const noexcept { return handlers_; }

  private:
    explicit CommandRegistry(Handlers handlers) : handlers_(std::move(handlers)) {}

    Handlers handlers_;  // sorted by name
};

// This program once more, as a child of the daemon: what looks at disks, name servers and other programs for `doctor`
// and `bundle`, none of which the event loop waits for.
struct OwnProgram {
    std::string config_file;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string bundle_file;  // which the child makes, over an earlier one
    // What only the daemon knows, for the bundle: a JSON object of file names and texts.
    std::function<Task<std::string>()> facts;
    std::set<std::string> running{};  // the commands that are under way: a reload makes their handlers anew
};

// What the built-in commands need from the daemon. Whatever is left empty makes its command say so.
struct BuiltinServices {
    std::string version;                  // for `version`
    std::function<std::string()> status;  // for `status`: the JSON of /status; called on the event loop
    const LoadSampler* load = nullptr;    // for `load`; must outlive the registry, as what follows
    RunningCommands* runs = nullptr;      // for `running`, `output`, `cancel`
    OwnProgram* own = nullptr;            // for `doctor`, `bundle`
    KeptPrograms* kept = nullptr;         // for commands that survive the daemon's restart
    std::function<CommandRegistry::Handlers()> others = {};  // those of Settings::other_names
    std::string prefix = {};                                 // for `help`: Settings::prefix, given by make_registry
};

// All built-in commands (src/commands/handlers/builtin_commands.cpp is the table).
[[nodiscard]] CommandRegistry::Handlers make_builtin_commands(const BuiltinServices& services);

// Built-ins plus the exec commands of the settings. The error's message holds what check() finds, one a line.
[[nodiscard]] Result<std::shared_ptr<const CommandRegistry>> make_registry(const Settings& settings,
                                                                           const BuiltinServices& services);

}  // namespace jiro::commands
