// SPDX-License-Identifier: MIT
#pragma once
// Whether a value may be given to a parameter of an exec command: the border between what the hub sends and what a
// program sees. Pure.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/commands/settings.hpp"

namespace jiro::commands {

// An ExecParameter with its pattern compiled. Copies share the pattern.
class CheckedParameter {
  public:
    // Throws std::invalid_argument when the pattern is no regular expression.
    explicit CheckedParameter(ExecParameter parameter);

    [[nodiscard]] const ExecParameter& definition() const noexcept { return definition_; }
    // What is wrong with the value, for people; nullopt: nothing.
    [[nodiscard]] std::optional<std::string> violation(std::string_view value) const;
    // "one of a, b", "an integer", "matches ^/": for help.
    [[nodiscard]] std::string allowed() const;

  private:
    struct Pattern;

    ExecParameter definition_;
    std::shared_ptr<const Pattern> pattern_;
};

}  // namespace jiro::commands
