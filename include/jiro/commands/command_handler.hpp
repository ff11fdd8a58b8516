// SPDX-License-Identifier: MIT
#pragma once
// One command: what it says about itself and what it does. Built-ins (src/commands/handlers) and exec commands
// (src/commands/exec) implement it; the registry owns them; the dispatcher runs them, several at a time.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jiro/base/task.hpp"
#include "jiro/commands/command_context.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_result.hpp"

namespace jiro::commands {

// The {} let designated initializers leave members out without a warning.
struct ParameterDescription {
    std::string name{};
    std::string description{};
    bool required = false;
    std::optional<std::string> default_value{};
    std::string allowed{};  // for people: a pattern, a list of values, a type; empty: anything
    ExecParameter::Type type = ExecParameter::Type::text;
};

struct CommandDescription {
    std::string name{};
    std::string summary{};  // one line, for the hub's users, too
    std::string usage{};    // "disk [path]"
    std::vector<ParameterDescription> parameters{};
    std::string source = "built-in";  // or "file:line"
    std::string runs{};       // exec commands: the program as written, for this machine's users; empty for built-ins
    bool uses_shell = false;  // an exec command with Shell: true
    // A built-in command whose name an entry of Commands.Exec may have: it is younger than configurations in the field.
    bool may_be_replaced = false;
    bool idempotent = false;  // may run again after a crash of the daemon
    bool takes_text = false;  // what follows the name is text as it came: no words, no quotes
    bool control = false;  // only looks or controls, and ends at once: runs beside the slots, also while nothing starts
    int max_concurrent = 0;       // runs at a time; 0: no limit of its own
    bool one_in_session = false;  // its runs in one session wait for each other; it has no other limit of its own
    std::optional<std::chrono::milliseconds> time_limit{};  // unset: Settings::timeout
    std::chrono::milliseconds resume_within{0};             // of a command that may ask for the machine's restart
    // Watches CommandContext::deadline itself and then needs this long to clean up (an exec command kills its program
    // and returns what it printed). Zero: the dispatcher cancels it at the deadline.
    std::chrono::milliseconds own_clean_up{0};

    [[nodiscard]] int runs_at_a_time() const noexcept { return one_in_session ? 1 : max_concurrent; }
};

class CommandHandler {
  public:
    explicit CommandHandler(CommandDescription description) : description_(std::move(description)) {}
    virtual ~CommandHandler() = default;
    CommandHandler(const CommandHandler&) = delete;
    CommandHandler& operator=(const CommandHandler&) = delete;

    [[nodiscard]] const CommandDescription& description() const noexcept { return description_; }

    // Runs on the event loop and never blocks it (CommandContext::run_on_worker). May throw: the result is then an
    // error with the exception's text. Ends soon after a terminal cancellation. Several runs may be under way at once.
    [[nodiscard]] virtual Task<CommandResult> run(CommandContext& context) const = 0;
    // Of a command that waits for nothing: what run() would return, without the coroutines of one. May throw, too.
    [[nodiscard]] virtual std::optional<CommandResult> answer(CommandContext&) const { return std::nullopt; }

  private:
    CommandDescription description_;
};

// A command that is a function. It is called when what came fits what `description` declares (CommandContext::bind).
using CommandFunction = std::function<Task<CommandResult>(CommandContext&)>;
[[nodiscard]] std::unique_ptr<const CommandHandler> make_handler(CommandDescription description, CommandFunction run);

}  // namespace jiro::commands
