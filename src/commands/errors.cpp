// SPDX-License-Identifier: MIT
#include "jiro/commands/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::commands {

namespace {

std::string commands_error_text(errc code) {
    switch (code) {
        case errc::not_an_object:
            return "the command message is not a JSON object";
        case errc::invalid_json:
            return "the command message is not valid JSON";
        case errc::missing_command_sync_id:
            return "the command message has no commandSyncId";
        case errc::bad_command_sync_id:
            return "the command message has an unusable commandSyncId";
        case errc::wrong_member_type:
            return "a member of the command message has the wrong type";
        case errc::missing_command:
            return "the command message has no command";
        case errc::command_too_long:
            return "the command text is too long";
        case errc::too_many_parameters:
            return "the command message has too many parameters";
        case errc::parameters_too_long:
            return "the parameters are too long";
        case errc::invalid_text:
            return "the command message holds text that is not UTF-8";
        case errc::empty_command:
            return "the command text is empty";
        case errc::unclosed_quote:
            return "a quote is not closed";
        case errc::dangling_escape:
            return "a backslash ends the text";
        case errc::unknown_command:
            return "unknown command";
        case errc::wrong_instance:
            return "the command is meant for another instance";
        case errc::busy:
            return "busy";
        case errc::conflicting_content:
            return "another command has the same commandSyncId";
        case errc::storage_refused:
            return "the journal cannot take the command";
        case errc::shutting_down:
            return "shutting down";
        case errc::duplicate_name:
            return "two commands have the same name";
        case errc::bad_definition:
            return "a command is not defined correctly";
        case errc::bad_argument:
            return "an argument is not allowed";
        case errc::spawn_failed:
            return "the program cannot be started";
        case errc::start_too_slow:
            return "the program had not started when its time limit passed";
    }
    return "unknown error of commands";
}

}  // namespace

const boost::system::error_category& commands_category() noexcept {
    static const ErrorCategory<errc> category("commands", commands_error_text);
    return category;
}

}  // namespace jiro::commands
