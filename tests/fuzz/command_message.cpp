// SPDX-License-Identifier: MIT
// An invocation's argument is a message within its limits or a named error; what was read reads the same once written.
#include "jiro/commands/command_message.hpp"

#include <nlohmann/json.hpp>

#include "check.hpp"

using namespace jiro::commands;
using jiro::fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = jiro::fuzz::text_of(data, size);
    const MessageLimits limits{64, 512, 8, 512, 32};
    const auto object = nlohmann::json::parse(text, nullptr, false);
    for (const auto& argument : {object, nlohmann::json(text)}) {
        if (argument.is_discarded()) continue;
        const auto reader = make_message_reader(limits);
        const auto as_text = argument.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        if (jiro::read_json(as_text, {}, *reader)) continue;
        const auto parsed = reader->take();
        if (parsed.error) {
            check(!parsed.error->message.empty(), "an error says what is wrong");
            continue;
        }
        check(parsed.answerable(), "a command can be answered");
        check(parsed.message.command_sync_id.size() <= limits.command_sync_id_bytes, "the id is within its limit");
        check(parsed.message.command.size() <= limits.command_bytes, "the text is within its limit");
        check(parsed.message.parameters.size() <= limits.parameter_count, "so are the parameters");
        const auto again = parse_command_message(to_json(parsed.message), limits);
        check(!again.error && again.message == parsed.message, "what was written reads the same");
        check(fingerprint(again.message) == fingerprint(parsed.message), "it is the same command");
    }
    return 0;
}
