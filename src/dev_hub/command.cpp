// SPDX-License-Identifier: MIT
#include "dev_hub/command.hpp"

#include <utility>

#include "dev_hub/hub_records.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"

namespace jiro::dev_hub {

std::string command_json(const Command& command, ArgumentForm form) {
    JsonWriter writer;
    writer.begin_object();
    writer.member("instanceId", command.instance_id);
    writer.member("command", command.text);
    writer.member("commandSyncId", command.sync_id);
    if (!command.session_id.empty()) writer.member("sessionId", command.session_id);
    writer.begin_object("parameters");
    for (const auto& [name, value] : command.parameters) writer.member(name, value);
    writer.end_object();
    writer.end_object();
    auto object = std::move(writer).take();
    return form == ArgumentForm::string ? json_string(object) : object;
}

// The result may not have come when only the completion was waited for.
bool SendOutcome::success() const {
    if (!error.empty() || (result && !result->is_success)) return false;
    if (!completion) return true;
    const auto answer = json_or_null(completion->result);
    const auto has_failed = [&answer](const char* name) {
        const auto found = answer.find(name);
        return found != answer.end() && *found == false;
    };
    return completion->error.empty() && !has_failed("isSuccess") && !has_failed("IsSuccess");
}

}  // namespace jiro::dev_hub
