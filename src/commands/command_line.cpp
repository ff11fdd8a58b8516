// SPDX-License-Identifier: MIT
#include "commands/command_line.hpp"

#include <algorithm>

namespace jiro::commands {

CommandLine split_name(std::string_view text) noexcept {
    text = trimmed(text);
    if (text.starts_with('$')) text.remove_prefix(1);
    return name_and_arguments(text);
}

CommandLine name_and_arguments(std::string_view text) noexcept {
    const auto end = std::ranges::find_if(text, is_space);
    const auto length = static_cast<std::size_t>(end - text.begin());
    return {text.substr(0, length), trimmed(text.substr(length))};
}

}  // namespace jiro::commands
