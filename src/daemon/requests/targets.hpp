// SPDX-License-Identifier: MIT
#pragma once
// The targets of the contract (Jiro.Shared 1.4.4), each group in the file of its name. What a function is given must
// outlive the router. Everything is called on the event loop.

#include <functional>
#include <memory>

#include "daemon/requests/answers.hpp"
#include "daemon/requests/request_router.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/commands/command_registry.hpp"
#include "jiro/commands/load_sampler.hpp"
#include "jiro/config/config.hpp"
#include "jiro/model/session_store.hpp"

namespace jiro::assistant {
class Assistant;
}

namespace jiro::daemon {

class HubUploads;
class Reloader;

// What this process is, for answers that name it.
struct Identity {
    std::string version;
    std::string host;
    std::string user;    // empty: not known
    std::string system;  // "Linux 6.1.0"
    TimePoint started;
};

using RunningConfig = std::function<const config::Config&()>;

// Of those whose answer is an ActionResult.
[[nodiscard]] inline nlohmann::json refuse_action(const Request& request, const std::string& why) {
    return action_failed(request.id, why, why);
}

// CommandsMetadataRequested.
[[nodiscard]] RequestTargets commands_targets(
    std::function<std::shared_ptr<const commands::CommandRegistry>()> registry);

// MachineInfoRequested.
[[nodiscard]] RequestTargets machine_targets(commands::LoadSampler& load, Identity identity);

// ConfigRequested, ConfigUpdated.
[[nodiscard]] RequestTargets config_targets(Clock& clock, RunningConfig config, Identity identity,
                                            Environment environment, Reloader& reloader);

// CustomThemesRequested. Files are read on threads of their own.
[[nodiscard]] RequestTargets themes_targets(Clock& clock, RunningConfig config);

// LogsRequested, LogsStreamRequested.
[[nodiscard]] RequestTargets logs_targets(Clock& clock, HubUploads& uploads);

// SessionsRequested, SingleSessionRequested, SessionMessagesStreamRequested, RemoveSession, UpdateSession.
// `sessions` gives the store of the moment; each that it ever gave lives as long as the router.
using CurrentSessions = std::function<SessionStore&()>;
[[nodiscard]] RequestTargets sessions_targets(Clock& clock, CurrentSessions sessions, HubUploads& uploads);

// StreamWordsRequested, which the contract declares and its own client does not answer. The assistant now; null: none.
// Each that was ever given lives as long as the router.
[[nodiscard]] RequestTargets words_targets(Clock& clock, std::function<assistant::Assistant*()> assistant,
                                           HubUploads& uploads);

}  // namespace jiro::daemon
