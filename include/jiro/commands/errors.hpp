// SPDX-License-Identifier: MIT
#pragma once
// Why a command message or a command text could not be taken, or a registry not be built.

#include <boost/system/error_code.hpp>
#include <type_traits>

namespace jiro::commands {

enum class errc {
    // command message
    not_an_object = 1,        // the invocation's argument is neither a JSON object nor a string that holds one
    invalid_json,             // the string argument is not JSON, or nested too deep
    missing_command_sync_id,  // nothing to answer under: the message can only be counted and logged
    bad_command_sync_id,      // not a string, longer than 256 bytes, or with control characters: as if missing
    wrong_member_type,        // a member is of another JSON type than the contract says
    missing_command,          // no command text, or an empty one
    command_too_long,         // over MessageLimits::command_bytes
    too_many_parameters,      // over MessageLimits::parameter_count
    parameters_too_long,      // keys and values together over MessageLimits::parameter_bytes
    invalid_text,             // not UTF-8, or a NUL where text is expected
    // command text
    empty_command,    // nothing but white space
    unclosed_quote,   // a quote without its partner
    dangling_escape,  // a backslash at the end
    // dispatching
    unknown_command,  // no such name and no Commands.Default
    storage_refused,  // the journal cannot take it
    not_trusted,      // it is not signed, or not well, and must be (signature.hpp)
    not_allowed,      // the operator does not let the hub run commands
    other_instance,   // it is for another instance
    busy,             // so much waits that it may not
    gate_closed,      // an operator lets nothing start
    not_idempotent,   // it was interrupted, and its definition does not let it run again
    stopping,         // nothing starts any more, and who sent it can send it elsewhere
    // looking at what runs
    no_such_run,    // no command of that id runs, or has ended lately
    beyond_output,  // so much was not printed
    output_gone,    // what an ended command printed is not kept any more
    // registry and exec commands
    duplicate_name,  // two commands of one name
    bad_definition,  // an entry of Commands.Exec cannot work as written
    bad_argument,    // a value that the command's definition does not allow
    spawn_failed,    // the program could not be started
    start_too_slow,  // the program had not started when its time limit passed
    not_redacted,    // a value of its Redact is not to be had
    // between the daemon and the unit of a command
    bad_request,      // what came is no request for a program
    connection_lost,  // the other side has gone, or sent what is no record
    not_defined,      // the unit's side has no definition of the command
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::commands

template <>
struct boost::system::is_error_code_enum<jiro::commands::errc> : std::true_type {};
