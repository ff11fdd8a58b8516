// SPDX-License-Identifier: MIT
#include "jiro/commands/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::commands {

namespace {

constexpr std::array kCommandsErrorTexts = std::to_array<std::string_view>({
    "the command message is not a JSON object",
    "the command message is not valid JSON",
    "the command message has no commandSyncId",
    "the command message has an unusable commandSyncId",
    "a member of the command message has the wrong type",
    "the command message has no command",
    "the command text is too long",
    "the command message has too many parameters",
    "the parameters are too long",
    "the command message holds text that is not UTF-8",
    "the command text is empty",
    "a quote is not closed",
    "a backslash ends the text",
    "unknown command",
    "the journal cannot take the command",
    "the command is not signed by somebody who is trusted",
    "commands are not allowed on this machine",
    "the command is for another instance",
    "too many commands wait",
    "commands are refused while they are paused",
    "the command may not be repeated",
    "the client is stopping",
    "no command of this id runs, or has ended lately",
    "so much was not printed",
    "what the command printed is not kept any more",
    "two commands have the same name",
    "a command is not defined correctly",
    "an argument is not allowed",
    "the program cannot be started",
    "the program had not started when its time limit passed",
    "a value that is to be masked is not to be had",
    "what came is no request for a program",
    "the connection to the program's unit is lost",
    "the command is not defined where its unit looks",
});

}  // namespace

boost::system::error_code make_error_code(errc code) noexcept {
    static const ErrorCategory<errc::not_defined> category("commands", kCommandsErrorTexts);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::commands
