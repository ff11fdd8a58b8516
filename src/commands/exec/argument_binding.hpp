// SPDX-License-Identifier: MIT
#pragma once
// From a command's words and parameters to the exact argv of its program. Pure: this is where injection is impossible
// by construction. A value never becomes program text: it is checked, and it lands in one argv element, whole.

#include <string>
#include <utility>
#include <vector>

#include "commands/argument_values.hpp"
#include "commands/exec/argument_template.hpp"
#include "commands/exec/parameter_check.hpp"
#include "jiro/base/error.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

// An ExecCommand made ready. Compiling fails with one text for each problem, "Key: what".
class ArgumentBinding {
  public:
    // `problems` receives what is wrong with Program and Parameters; with any, the object must not be used.
    ArgumentBinding(const ExecCommand& command, std::vector<std::string>& problems);

    struct Bound {
        std::vector<std::string> argv;
        std::vector<std::pair<std::string, std::string>> environment;  // JIRO_PARAM_<NAME>
    };

    // Parameters of the message and words by the rule of values_of(); `{args...}` takes what is left.
    // errc::bad_argument names the parameter and what is wrong.
    [[nodiscard]] Result<Bound> bind(const std::vector<std::string>& words, const Parameters& parameters) const;

    [[nodiscard]] const std::vector<CheckedParameter>& parameters() const noexcept { return parameters_; }
    [[nodiscard]] bool takes_rest() const noexcept { return rest_.has_value(); }

  private:
    void read_program(const ExecCommand& command, std::vector<std::string>& problems);
    void read_shell_script(const ExecCommand& command, std::vector<std::string>& problems);
    [[nodiscard]] Result<ArgumentValues> checked_values(const std::vector<std::string>& words,
                                                        const Parameters& parameters,
                                                        std::vector<std::string>& rest) const;
    [[nodiscard]] std::vector<std::string> fill_program(const ArgumentValues& values,
                                                        const std::vector<std::string>& rest) const;
    [[nodiscard]] std::size_t index_of(std::string_view name) const noexcept;

    std::string name_;
    bool shell_;
    std::vector<CheckedParameter> parameters_;  // without `args`
    std::optional<CheckedParameter> rest_;      // checks each of the rest's words; set when {args...} is used
    std::vector<ArgumentTemplate> program_;     // shell: empty
    std::string script_;                        // shell only
};

}  // namespace jiro::commands
