// SPDX-License-Identifier: MIT
#pragma once
// Where the daemon keeps what it writes: what the configuration says, and what stands for it where it says nothing.
// These functions make nothing.

#include <filesystem>
#include <string>
#include <vector>

#include "jiro/base/environment.hpp"
#include "jiro/config/config.hpp"

namespace jiro::config {

// Outbox.Path, or outbox.db in: ${STATE_DIRECTORY} (systemd), /var/lib/jiro for root, else
// ${XDG_STATE_HOME:-~/.local/state}/jiro. Empty when there is none.
[[nodiscard]] std::filesystem::path find_outbox_path(const delivery::OutboxSettings& settings,
                                                     const Environment& environment);

// The same seen from a terminal, without the variables that systemd gives to the daemon's unit: for a file in /etc/jiro
// it is what the packaged unit uses.
[[nodiscard]] std::filesystem::path find_outbox_of_unit(const Config& config, const Environment& environment);

// Chat.Path, else sessions.db beside the outbox, or where that would be were it no memory.
[[nodiscard]] std::filesystem::path find_sessions_path(const Config& config, const std::filesystem::path& outbox,
                                                       const Environment& environment);

// Small files beside the outbox, named after it, so that each daemon of a folder has its own: the keys that the hub has
// set (hub-settings.json beside outbox.db), and the order of a pause. Empty: the outbox is in memory, or nowhere.
[[nodiscard]] std::filesystem::path find_hub_settings_path(const std::filesystem::path& outbox);
[[nodiscard]] std::filesystem::path find_pause_path(const std::filesystem::path& outbox);

// A key that names a file of another key's, or one that is read: it would be written over, or appended to.
struct SharedFile {
    std::string key_path;
    std::string message;  // "/s/outbox.db is a file of Outbox.Path, /s/outbox.db"; its caller adds what to do
};
// Of all keys that name a file to be written: with the others of them, with those that name a file to be read, and with
// the configuration itself. Links are followed, as far as they can be from here: may block.
[[nodiscard]] std::vector<SharedFile> shared_files(const Config& config, const Environment& environment);

}  // namespace jiro::config
