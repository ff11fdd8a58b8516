// SPDX-License-Identifier: MIT
#include "jiro/config/locations.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <system_error>
#include <variant>

#include "jiro/base/file.hpp"

namespace jiro::config {

namespace fs = std::filesystem;
using delivery::kInMemory;

namespace {

constexpr const char* kStateDirectory = "/var/lib/jiro";
constexpr const char* kOutboxName = "outbox.db";
constexpr const char* kHubSettingsName = "hub-settings.json";
constexpr std::string_view kOutboxKey = "Outbox.Path";

fs::path default_directory(const Environment& environment) {
    if (const auto state = systemd_folder(environment, "STATE_DIRECTORY"); !state.empty()) return state;
    if (geteuid() == 0) return kStateDirectory;
    if (const auto state = variable_in(environment, "XDG_STATE_HOME"); !state.empty()) return state + "/jiro";
    if (const auto home = variable_in(environment, "HOME"); !home.empty()) return home + "/.local/state/jiro";
    return {};
}

// One name for a file, however it is spelled.
fs::path one_name(const fs::path& file) {
    std::error_code error;
    auto name = file.is_absolute() ? fs::weakly_canonical(file, error) : fs::path();
    return name.empty() ? file.lexically_normal() : name;
}

struct NamedFile {
    std::string key;
    fs::path path;
    bool is_written = true;
};

// Whether `file` is the named one, or has the name of one that is kept beside it: by SQLite, the outbox, the
// rebuilding of a damaged database, the redo log, the audit, the pause and the hub's keys.
bool is_kept_beside(const fs::path& file, const NamedFile& named) {
    static constexpr std::array kOfDatabase{"-wal",     "-shm",        "-journal", ".lock",    ".kept",
                                            ".ballast", ".rebuilding", ".rebuilt", ".damaged", ".doubtful"};
    static constexpr std::array kOfRedoLog{".damaged", ".old"};
    static constexpr std::array kOfAudit{".1"};
    const auto has_one = [&](const auto& suffixes) {
        return std::ranges::any_of(suffixes, [&](const char* suffix) { return file == named.path.string() + suffix; });
    };
    const auto is_small_file = [&file](const fs::path& small) {
        return file == small || file == small.string() + kSuffixWhileWritten;
    };
    if (file == named.path) return true;
    if (named.key == kOutboxKey &&
        (is_small_file(find_hub_settings_path(named.path)) || is_small_file(find_pause_path(named.path))))
        return true;
    if (named.key == "Outbox.RedoLog") return has_one(kOfRedoLog);
    if (named.key == "Logging.Audit") return has_one(kOfAudit);
    return named.is_written && named.key != "Monitoring.Listen" && has_one(kOfDatabase);
}

// read_files: what the operator wrote, and what stands there is nowhere else.
std::vector<NamedFile> read_files(const Config& config) {
    std::vector<NamedFile> all;
    const auto add = [&all](const std::string& key, const fs::path& path) {
        if (!path.empty()) all.push_back({key, one_name(path), false});
    };
    add("the configuration", config.source);
    for (const auto& piece : config.pieces) add("the configuration", piece);
    add("WebSocket.AccessTokenFile", config.credentials.access_token_file);
    add("ApiKeyFile", config.credentials.api_key_file);
    add("Chat.ApiKeyFile", config.chat_credentials.api_key_file);
    add("Chat.SystemPromptFile", config.chat.system_prompt_file);
    for (const auto& [section, files] : tls_sections(config)) {
        add(section + std::string(".CaFile"), files->ca);
        add(section + std::string(".CertificateFile"), files->certificate);
        add(section + std::string(".PrivateKeyFile"), files->key);
    }
    for (const auto& key : config.commands.trust.keys)
        add("Commands.Trust.Keys", fs::path(config.commands.trust.keys_folder) / (key.id + ".pem"));
    return all;
}

std::vector<NamedFile> written_files(const Config& config, const Environment& environment) {
    std::vector<NamedFile> all;
    const auto add = [&all](std::string_view key, const fs::path& path) {
        if (path.empty() || path == kInMemory) return;
        NamedFile file{std::string(key), one_name(path)};
        const auto is_same = [&file](const NamedFile& other) {
            return other.key == file.key && other.path == file.path;
        };
        if (std::ranges::none_of(all, is_same)) all.push_back(std::move(file));
    };
    const auto& settings = config.delivery.outbox;
    const auto outbox = find_outbox_path(settings, environment);
    add(kOutboxKey, outbox);
    add(kOutboxKey, find_outbox_of_unit(config, environment));
    // What other keys begin with where that variable is not set.
    if (settings.path.empty()) add(kOutboxKey, fs::path("${STATE_DIRECTORY}") / kOutboxName);
    add("Outbox.RedoLog", settings.redo_log);
    if (config.chat.is_configured() || !config.chat.path.empty())
        add("Chat.Path", find_sessions_path(config, outbox, environment));
    if (config.audit != kAuditJournal && config.audit != kAuditOff) add("Logging.Audit", config.audit);
    if (const auto* socket = std::get_if<monitor::ListenUnix>(&config.monitoring.listen))
        add("Monitoring.Listen", socket->path);
    return all;
}

}  // namespace

fs::path find_outbox_path(const delivery::OutboxSettings& settings, const Environment& environment) {
    if (!settings.path.empty()) return settings.path;
    const auto directory = default_directory(environment);
    return directory.empty() ? directory : directory / kOutboxName;
}

fs::path find_outbox_of_unit(const Config& config, const Environment& environment) {
    if (config.delivery.outbox.path.empty() && config.source.parent_path() == "/etc/jiro") {
        const auto name = config.source.stem();
        return name == "config" ? fs::path(kStateDirectory) / kOutboxName : kStateDirectory / name / kOutboxName;
    }
    return find_outbox_path(config.delivery.outbox, environment);
}

fs::path find_sessions_path(const Config& config, const fs::path& outbox, const Environment& environment) {
    if (!config.chat.path.empty()) return config.chat.path;
    const auto beside = outbox == kInMemory ? find_outbox_path({}, environment) : outbox;
    return beside.parent_path() / "sessions.db";
}

fs::path find_hub_settings_path(const fs::path& outbox) {
    if (outbox.empty() || outbox == kInMemory) return {};
    if (outbox.filename() == kOutboxName) return outbox.parent_path() / kHubSettingsName;
    return outbox.string() + '.' + kHubSettingsName;
}

fs::path find_pause_path(const fs::path& outbox) {
    if (outbox.empty() || outbox == kInMemory) return {};
    if (outbox.extension() == ".db") return fs::path(outbox).replace_extension(".pause.json");
    return outbox.string() + "-pause.json";  // no name that an outbox with .db gives
}

std::vector<SharedFile> shared_files(const Config& config, const Environment& environment) {
    std::vector<SharedFile> found;
    auto all = read_files(config);
    std::ranges::move(written_files(config, environment), std::back_inserter(all));
    for (auto file = all.begin(); file != all.end(); ++file) {
        if (!file->is_written) continue;
        const auto owner = std::find_if(all.begin(), file, [&file](const NamedFile& other) {
            return other.key != file->key && (is_kept_beside(file->path, other) || is_kept_beside(other.path, *file));
        });
        if (owner == file) continue;
        found.push_back({file->key, file->path.string() + " is a file of " + std::string(owner->key) + ", " +
                                        owner->path.string()});
    }
    return found;
}

}  // namespace jiro::config
