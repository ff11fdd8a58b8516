// SPDX-License-Identifier: MIT
#pragma once
// The configuration as the program uses it: one settings struct per module, filled by load.hpp from
// /etc/jiro/config.yaml and the environment, already checked. A plain value; a reload makes a new one and compares.
// Secrets in it are Secret; those that come from files are not in it: they are read anew when they are needed
// (credentials.hpp), so that they can be rotated.

#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/assistant/settings.hpp"
#include "jiro/base/log.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/config/hub_settings.hpp"
#include "jiro/delivery/settings.hpp"
#include "jiro/monitor/settings.hpp"
#include "jiro/signalr/settings.hpp"

namespace jiro::config {

// Where the credentials come from: the value itself or a file, never both; all may be empty. Used by the hub connection
// and by gRPC alike.
struct CredentialSources {
    Secret access_token;            // WebSocket.AccessToken
    std::string access_token_file;  // may begin with ${CREDENTIALS_DIRECTORY} when that is not set where it was loaded
    Secret api_key;                 // ApiKey
    std::string api_key_file;

    friend bool operator==(const CredentialSources&, const CredentialSources&) = default;
};

// Logging.Audit, when it is no file.
inline constexpr std::string_view kAuditJournal = "journal";
inline constexpr std::string_view kAuditOff = "off";

// Something that is allowed and probably not meant. Formatted as an error is: "file:line:column: Key.Path: text".
struct Warning {
    std::string key_path;
    std::string text;  // with its place
};

// A key of the C# client's configuration (appsettings.json, JIRO_JiroCloud__*), and what became of it.
struct ForeignUse {
    std::string theirs;
    std::string ours;  // empty: it means nothing here
    std::string place;
    std::string note;
};

// By the path of the key that holds them: what the log masks.
using SecretsByKey = std::map<std::string, std::vector<Secret>, std::less<>>;

struct Config {
    Config();

    std::string instance_id;  // also in commands.instance_id
    signalr::Settings websocket;
    delivery::Settings delivery;
    commands::Settings commands;
    assistant::Settings chat;
    monitor::Settings monitoring;
    log::Settings logging;
    std::string audit{kAuditJournal};  // or kAuditOff, or the path of a file
    CredentialSources credentials;
    HubSettings hub;
    CredentialSources chat_credentials;  // its api_key only
    bool allow_insecure = false;         // Commands.Exec over a hub connection without TLS

    std::filesystem::path source;               // the file it was read from; empty: none
    std::vector<std::filesystem::path> pieces;  // those of config.d and commands.d that belong to it
    std::set<std::filesystem::path> empty;      // those of all these files that have no byte
    std::vector<Warning> warnings;              // for the log, once
    std::vector<ForeignUse> foreign;
    bool is_appsettings = false;  // the configuration of the C# client was read: its defaults where ours differ
    // Key path -> "file:line" or "environment JIRO_X"; a key that is not here has its default.
    std::map<std::string, std::string, std::less<>> provenance;
    SecretsByKey secrets;
};

[[nodiscard]] std::vector<Secret> all_secrets(const Config& config);

// The Tls sections, by name. What their files hold is no part of a configuration: a daemon starts without it, and looks
// again at each connection.
[[nodiscard]] inline std::array<std::pair<const char*, const TlsFiles*>, 3> tls_sections(const Config& config) {
    return {{{"WebSocket.Tls", &config.websocket.tls},
             {"Grpc.Tls", &config.delivery.grpc.tls},
             {"Chat.Tls", &config.chat.tls}}};
}

}  // namespace jiro::config
