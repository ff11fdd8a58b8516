// SPDX-License-Identifier: MIT
#include "config/checks.hpp"

#include <algorithm>

#include "config/secret_text.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

struct Checker {
    const Config& config;
    const std::function<Place(std::string_view)>& place_of;
    Problems& problems;
    std::vector<Warning>& warnings;

    void fail(std::string_view path, std::string message) const {
        problems.add(place_of(path), path, std::move(message));
    }

    void warn(std::string_view path, std::string message) const {
        const Place place = place_of(path);
        warnings.push_back({std::string(path), to_string(ConfigError{place.file, place.line, place.column,
                                                                     std::string(path), std::move(message)})});
    }

    // A value, or a file that holds it.
    void one_of(std::string_view path_of_file, const char* name, const auto& value, const auto& file) const {
        if (!value.empty() && !file.empty()) fail(path_of_file, std::string(name) + " is given too; give one of them");
    }

    void credentials() const {
        const CredentialSources& sources = config.credentials;
        one_of("WebSocket.AccessTokenFile", "AccessToken", sources.access_token, sources.access_token_file);
        one_of("ApiKeyFile", "ApiKey", sources.api_key, sources.api_key_file);
        one_of("Chat.ApiKeyFile", "ApiKey", config.chat_credentials.api_key, config.chat_credentials.api_key_file);
        literal("WebSocket.AccessToken", sources.access_token);
        literal("ApiKey", sources.api_key);
        literal("Chat.ApiKey", config.chat_credentials.api_key);
        for (const auto& [path, secret] : {std::pair("WebSocket.AccessToken", &sources.access_token),
                                           std::pair("Chat.ApiKey", &config.chat_credentials.api_key)}) {
            if (begins_with_bearer(*secret)) {
                warn(path, "begins with \"Bearer \", which is put ahead of it when it is sent; leave that word away");
            }
        }
    }

    // Whoever writes a variable there expects its value.
    void literal(std::string_view path, const Secret& secret) const {
        if (secret.reveal().find("${") == std::string::npos) return;
        warn(path, "has \"${\", which is sent as it stands: no variable is looked up here; give " + std::string(path) +
                       "File");
    }

    void certificate(const std::string& section, const TlsFiles& files) const {
        if (files.certificate.empty() && !files.key.empty()) {
            fail(section + ".PrivateKeyFile", "is given without CertificateFile; give both or none");
        }
        if (!files.certificate.empty() && files.key.empty()) {
            fail(section + ".CertificateFile", "is given without PrivateKeyFile; give both or none");
        }
    }

    // Whoever is on the way reads along, and to the hub's connection can write, too: commands.
    void plain_text() const {
        const auto is_open = [](const std::optional<Url>& url) { return url && !url->is_tls() && !url->is_loopback(); };
        const auto& hub = config.websocket.hub_url;
        if (hub && !signalr::may_be_hub(config.websocket, *hub)) {
            fail("WebSocket.HubUrl",
                 "is not encrypted: others could run the programs of Commands.Exec; use https, or AllowInsecure: "
                 "true if they cannot be on the way");
        } else if (is_open(hub)) {
            warn("WebSocket.HubUrl", "is not encrypted: others can read along and send commands; use https");
        }
        if (is_open(config.delivery.grpc.server_url)) {
            warn("Grpc.ServerUrl", "is not encrypted: others can read the results and the token; use https");
        }
        if (config.chat.is_configured() && is_open(config.chat.endpoint)) {
            warn("Chat.Endpoint", "is not encrypted: others can read the conversations and the key; use https");
        }
    }

    void address(std::string_view path, const std::optional<Url>& url) const {
        if (url && !url->user_info().empty()) fail(path, "has a user or password, which would not be sent");
    }

    void addresses() const {
        address("WebSocket.HubUrl", config.websocket.hub_url);
        address("Grpc.ServerUrl", config.delivery.grpc.server_url);
        address("Chat.Endpoint", config.chat.endpoint);
        const auto& server = config.delivery.grpc.server_url;
        if (server && (server->path() != "/" || !server->query().empty())) {
            warn("Grpc.ServerUrl", "has a path or query, which is not sent: gRPC has paths of its own");
        }
    }

    void programs() const {
        if (config.commands.exec.empty() || commands::socket_for_programs(config.commands)) return;
        const bool is_meant = config.commands.run_as == commands::RunAs::daemon;
        warn("Commands.RunAs", (is_meant ? std::string("is daemon") : "there is no " + config.commands.unit_socket) +
                                   ": the programs of Commands.Exec run as the daemon's user, and can read its tokens, "
                                   "its outbox and this file");
    }

    // The packaged unit runs what root defined where it can read it: this file may hold secrets, and is closed to it.
    void definitions() const {
        constexpr std::string_view kReadByUnits = "/etc/jiro/commands.d/";
        const commands::Settings& settings = config.commands;
        if (settings.unit_socket != commands::kUnitSocket || !commands::socket_for_programs(settings)) return;
        std::vector<std::string> elsewhere;
        for (const auto& command : settings.exec) {
            if (!command.source.starts_with(kReadByUnits)) elsewhere.push_back(command.name);
        }
        if (elsewhere.empty()) return;
        warn("Commands.Exec", "not in " + std::string(kReadByUnits) + ": " + join_with_commas(elsewhere) +
                                  "; their units refuse them, unless root lets those run what is not defined there "
                                  "(docs/commands.md)");
    }

    // What would let a signed command run elsewhere, or once more.
    void trust() const {
        const commands::Trust& trust = config.commands.trust;
        const std::string require = "Commands.Trust.Require";
        if (trust.require == commands::RequireSignature::none) return;
        if (trust.keys_folder.empty()) fail(require, "there is no Commands.Trust.Keys: nobody could sign a command");
        if (config.instance_id.empty()) {
            fail(require,
                 "InstanceId is not set: what was signed for another machine would run here, too; ${machine-id} will "
                 "do");
        }
        if (config.delivery.outbox.path == delivery::kInMemory) {
            fail(require, "Outbox.Path is \":memory:\": after a restart a signed command would run once more");
        }
        if (config.delivery.outbox.dedupe_window.count() == 0) {
            fail(require, "Outbox.DedupeWindowHours is 0: no id would be remembered, and no signature be good");
        }
    }

    void chat() const {
        const assistant::Settings& chat = config.chat;
        one_of("Chat.SystemPromptFile", "SystemPrompt", chat.system_prompt, chat.system_prompt_file);
        for (const auto& tool : chat.tools) {
            if (std::ranges::find(assistant::kCommandNames, tool) != assistant::kCommandNames.end()) {
                fail("Chat.Tools", '"' + tool + "\" is the assistant's own");
            }
        }
        if (!chat.is_configured()) return;
        if (chat.max_tokens && *chat.max_tokens >= chat.context_tokens) {
            warn("Chat.MaxTokens", "is not less than ContextTokens: no room is left for the conversation");
        }
        if (chat.timeout >= std::chrono::seconds(300)) {
            warn("Chat.TimeoutMs", "is 300 s or more: the production server waits no longer");
        }
    }

    void timing() const {
        const signalr::Settings& hub = config.websocket;
        if (hub.server_timeout < 2 * hub.keep_alive_interval) {
            warn("WebSocket.ServerTimeoutMs",
                 "is less than twice KeepAliveIntervalMs: one late ping ends the connection");
        }
        if (hub.max_reconnection_delay < hub.reconnection_delay) {
            warn("WebSocket.MaxReconnectionDelayMs", "is less than ReconnectionDelayMs, which it limits");
        }
        if (config.delivery.grpc.max_retry_delay < config.delivery.grpc.retry_delay) {
            warn("Grpc.MaxRetryDelayMs", "is less than RetryDelayMs, which it limits");
        }
    }

    void completeness() const {
        if (config.websocket.hub_url && !config.delivery.grpc.server_url) {
            warn("Grpc.ServerUrl", "is not set: results stay in the outbox");
        }
        if (!config.websocket.hub_url && config.delivery.grpc.server_url) {
            warn("WebSocket.HubUrl", "is not set: no commands will come");
        }
    }

    void exposure() const {
        if (!config.websocket.tls.verify) {
            warn("WebSocket.Tls.Verify", "is false: any server is believed to be the hub");
        }
        if (!config.chat.tls.verify && config.chat.is_configured()) {
            warn("Chat.Tls.Verify", "is false: any server is believed to be the endpoint, and is given the key");
        }
        if (!monitor::is_local(config.monitoring.listen)) {
            warn("Monitoring.Listen", "is reachable from other machines, without a password");
        }
        if (config.websocket.stateful_reconnect && config.websocket.skip_negotiation) {
            warn("WebSocket.StatefulReconnect", "has no effect with SkipNegotiation");
        }
    }
};

}  // namespace

void check_together(const Config& config, const std::function<Place(std::string_view)>& place_of, Problems& problems,
                    std::vector<Warning>& warnings) {
    const Checker check{config, place_of, problems, warnings};
    check.credentials();
    for (const auto& [section, files] : tls_sections(config)) check.certificate(section, *files);
    check.addresses();
    check.plain_text();
    check.programs();
    check.definitions();
    check.trust();
    check.timing();
    check.chat();
    check.completeness();
    check.exposure();
}

}  // namespace jiro::config
