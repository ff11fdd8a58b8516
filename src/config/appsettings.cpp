// SPDX-License-Identifier: MIT
#include "config/appsettings.hpp"

#include <algorithm>
#include <array>
#include <boost/algorithm/string/replace.hpp>
#include <filesystem>

#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kOwnLog = "the log goes to the journal: Logging";
constexpr std::string_view kUnused = "the C# client does not use it either";

constexpr std::array kForeignKeys = std::to_array<ForeignKey>({
    {"JiroCloud.ApiKey", "ApiKey", ""},
    {"JiroCloud.ApiUrl", "", "the REST interface is not used"},
    {"JiroCloud.WebSocket.HubUrl", "WebSocket.HubUrl", ""},
    {"JiroCloud.WebSocket.Headers", "WebSocket.Headers", ""},
    {"JiroCloud.WebSocket.ReconnectionAttempts", "WebSocket.MaxReconnectionAttempts", ""},
    {"JiroCloud.WebSocket.ReconnectionDelayMs", "WebSocket.ReconnectionDelayMs", ""},
    {"JiroCloud.WebSocket.HandshakeTimeoutMs", "WebSocket.HandshakeTimeoutMs", ""},
    {"JiroCloud.WebSocket.KeepAliveIntervalMs", "WebSocket.KeepAliveIntervalMs", ""},
    {"JiroCloud.WebSocket.ServerTimeoutMs", "WebSocket.ServerTimeoutMs", ""},
    {"JiroCloud.Grpc.ServerUrl", "Grpc.ServerUrl", ""},
    {"JiroCloud.Grpc.MaxRetries", "Grpc.MaxRetries", ""},
    {"JiroCloud.Grpc.TimeoutMs", "Grpc.TimeoutMs", ""},
    {"DataPaths.Themes", "Hub.Themes", ""},
    {"DataPaths.Logs", "", kOwnLog},
    {"DataPaths.Messages", "", "personas are not read from files there"},
    {"DataPaths.Plugins", "", ".NET plugins cannot be loaded: define programs in Commands.Exec"},
    {"ConnectionStrings", "", "not used in place: `jiro-client sessions import` takes it over"},
    {"Chat.AuthToken", "Chat.ApiKey", ""},
    {"Chat.SystemMessage", "Chat.SystemPrompt", ""},
    {"Chat.TokenLimit", "Chat.MaxTokens", ""},
    {"Serilog", "", kOwnLog},
    {"Log", "", kOwnLog},
    {"Logging.LogLevel", "", kOwnLog},
    {"JiroApi", "", kUnused},
    {"Whitelist", "", kUnused},
    {"Bot", "", kUnused},
    {"Gpt", "", kUnused},
    {"Modules", "", ".NET plugins cannot be loaded: define programs in Commands.Exec"},
    {"AllowedHosts", "", kUnused},
    {"Test_Mode", "", "`jiro-client run --test-mode` or check-config validates the configuration"},
});

}  // namespace

std::string joined_with(std::string_view separator, std::string_view path) {
    return boost::algorithm::replace_all_copy(std::string(path), ".", separator);
}

std::span<const ForeignKey> foreign_keys() { return kForeignKeys; }

std::string_view foreign_name_of(std::string_view path) {
    const auto found = std::ranges::find(kForeignKeys, path, &ForeignKey::ours);
    return found == kForeignKeys.end() ? std::string_view() : found->path;
}

bool is_appsettings(const Node& root) {
    static constexpr std::array<std::string_view, 8> kSections{"JiroCloud", "ConnectionStrings", "DataPaths", "Serilog",
                                                               "JiroApi",   "Whitelist",         "Modules",   "Gpt"};
    return std::ranges::any_of(root.members, [](const Member& member) {
        return std::ranges::any_of(kSections,
                                   [&](std::string_view section) { return equal_ignoring_case(section, member.key); });
    });
}

ForeignVariable find_foreign_variable(std::string_view name) {
    for (const ForeignKey& key : kForeignKeys) {
        const std::string whole = joined_with("__", upper_case(key.path));
        if (equal_ignoring_case(name, whole)) return {&key, {}};
        const bool has_parts = key.ours.empty() || key.path.ends_with(".Headers");
        if (has_parts && upper_case(name).starts_with(whole + "__")) return {&key, name.substr(whole.size() + 2)};
    }
    return {};
}

Node adapted(const ForeignKey& key, const Node& value, const std::string& file) {
    Node node = value;
    if (key.ours == "Grpc.ServerUrl") {  // its path is not sent there either
        const auto host = node.text.find("://");
        if (host != std::string::npos) node.text = node.text.substr(0, node.text.find('/', host + 3));
    }
    if (key.path != "DataPaths.Themes" || node.kind != Node::Kind::scalar || node.text.empty()) return node;
    const std::filesystem::path path(node.text);
    if (path.is_absolute()) return node;
    std::error_code error;
    auto folder = std::filesystem::absolute(file, error).parent_path();
    if (folder.filename() == "Configuration") folder = folder.parent_path();
    node.text = (folder / path).lexically_normal().string();
    node.quoted = true;
    return node;
}

}  // namespace jiro::config
