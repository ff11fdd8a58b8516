// SPDX-License-Identifier: MIT
#include "daemon/cli/outbox_location.hpp"

#include "daemon/state_directory.hpp"

namespace jiro::daemon::cli {

std::filesystem::path outbox_location(const config::Config& config) {
    if (!config.delivery.outbox.path.empty()) return config.delivery.outbox.path;
    const std::filesystem::path packaged = "/var/lib/jiro";
    if (config.source.parent_path() == "/etc/jiro") {
        const auto name = config.source.stem();
        return name == "config" ? packaged / "outbox.db" : packaged / name / "outbox.db";
    }
    return find_outbox_path(config.delivery.outbox, config::process_environment());
}

}  // namespace jiro::daemon::cli
