// SPDX-License-Identifier: MIT
#include "jiro/config/locations.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <variant>

namespace jiro::config {

namespace fs = std::filesystem;
using delivery::kInMemory;

namespace {

constexpr const char* kStateDirectory = "/var/lib/jiro";
constexpr const char* kOutboxName = "outbox.db";

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

struct WrittenFile {
    std::string_view key;
    fs::path path;
};

// Whether `file` is the written one, or has the name of one that is kept beside it: by SQLite, the outbox, the
// rebuilding of a damaged database, the redo log, the audit.
bool is_kept_beside(const fs::path& file, const WrittenFile& written) {
    static constexpr std::array kOfDatabase{"-wal",     "-shm",        "-journal", ".lock",    ".kept",
                                            ".ballast", ".rebuilding", ".rebuilt", ".damaged", ".doubtful"};
    static constexpr std::array kOfRedoLog{".damaged", ".old"};
    static constexpr std::array kOfAudit{".1"};
    const auto has_one = [&](const auto& suffixes) {
        return std::ranges::any_of(suffixes,
                                   [&](const char* suffix) { return file == written.path.string() + suffix; });
    };
    if (file == written.path) return true;
    if (written.key == "Outbox.RedoLog") return has_one(kOfRedoLog);
    if (written.key == "Logging.Audit") return has_one(kOfAudit);
    return written.key != "Monitoring.Listen" && has_one(kOfDatabase);
}

std::vector<WrittenFile> written_files(const Config& config, const Environment& environment) {
    std::vector<WrittenFile> all;
    const auto add = [&all](std::string_view key, const fs::path& path) {
        if (!path.empty() && path != kInMemory) all.push_back({key, one_name(path)});
    };
    const auto& settings = config.delivery.outbox;
    const auto outbox = find_outbox_path(settings, environment);
    add("Outbox.Path", outbox);
    add("Outbox.Path", find_outbox_of_unit(config, environment));
    // What other keys begin with where that variable is not set.
    if (settings.path.empty()) add("Outbox.Path", fs::path("${STATE_DIRECTORY}") / kOutboxName);
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

std::vector<SharedFile> shared_files(const Config& config, const Environment& environment) {
    std::vector<SharedFile> found;
    const auto all = written_files(config, environment);
    for (auto file = all.begin(); file != all.end(); ++file) {
        const auto owner = std::find_if(all.begin(), file, [&file](const WrittenFile& other) {
            return other.key != file->key && (is_kept_beside(file->path, other) || is_kept_beside(other.path, *file));
        });
        if (owner == file) continue;
        found.push_back({std::string(file->key), file->path.string() + " is a file of " + std::string(owner->key) +
                                                     ", " + owner->path.string() + "; name another"});
    }
    return found;
}

}  // namespace jiro::config
