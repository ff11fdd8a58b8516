// SPDX-License-Identifier: MIT
#include "dev_hub/command.hpp"

namespace jiro::dev_hub {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
}

}  // namespace

std::string command_json(const Command& command, ArgumentForm form) {
    std::string out;
    out.reserve(command.text.size() + 256);
    out += '{';
    append_member(out, "instanceId", command.instance_id);
    append_member(out, "command", command.text);
    append_member(out, "commandSyncId", command.sync_id);
    if (!command.session_id.empty()) append_member(out, "sessionId", command.session_id);
    out += ",\"parameters\":{";
    std::string_view comma;
    for (const auto& [name, value] : command.parameters) {
        out += comma;
        append_json_string(out, name);
        out += ':';
        append_json_string(out, value);
        comma = ",";
    }
    out += "}}";
    return form == ArgumentForm::string ? json_string(out) : out;
}

}  // namespace jiro::dev_hub
