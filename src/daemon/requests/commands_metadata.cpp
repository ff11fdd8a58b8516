// SPDX-License-Identifier: MIT
// CommandsMetadataRequested: which commands there are, for the hub's palette and help.

#include "daemon/requests/answers.hpp"
#include "daemon/requests/targets.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kLongestCommandText = 1024;

// The contract's names are those of .NET's types.
std::string_view type_name(commands::ExecParameter::Type type) {
    static constexpr std::string_view kNames[] = {"System.String", "System.Int64", "System.Double", "System.Boolean"};
    return kNames[static_cast<std::size_t>(type)];
}

json metadata_of(const commands::CommandDescription& command) {
    auto parameters = json::object();
    for (const auto& parameter : command.parameters) parameters[parameter.name] = type_name(parameter.type);
    return {{"CommandName", command.name},
            {"CommandDescription", text_within(command.summary, kLongestCommandText)},
            {"CommandSyntax", text_within(command.usage, kLongestCommandText)},
            {"Parameters", std::move(parameters)},
            {"ModuleName", command.runs.empty() ? "BaseCommands" : "Exec"},
            {"Keywords", json::array()}};
}

json metadata_answer(const Request& request, const commands::CommandRegistry& registry) {
    std::vector<json> items;
    for (const auto& handler : registry.handlers()) items.push_back(metadata_of(handler->description()));
    json answer;
    answer["RequestId"] = request.id;
    add_items(answer, "Commands", std::move(items), "commands", request.room);
    return answer;
}

json refuse_metadata(const Request& request, const std::string& why) {
    return {{"Commands", json::array()}, {"RequestId", request.id}, {"Note", why}};
}

}  // namespace

RequestTargets commands_targets(std::function<std::shared_ptr<const commands::CommandRegistry>()> registry) {
    const auto answer = [registry = std::move(registry)](Request request) -> Task<Result<json>> {
        return answer_now(metadata_answer(request, *registry()));
    };
    return {{"CommandsMetadataRequested", config::RequestKind::commands, answer, refuse_metadata}};
}

}  // namespace jiro::daemon
